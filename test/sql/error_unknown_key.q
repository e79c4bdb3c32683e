-- A key that nobody knows names the nearest.

SET 'table.exec.state.tll' = '1 h';
!error
unknown configuration key 'table.exec.state.tll'; did you mean 'table.exec.state.ttl'?
!end
