-- A value of another form says what was expected.

SET 'table.exec.state.ttl' = 'soon';
!error
bad value 'soon' for 'table.exec.state.ttl'
!end
