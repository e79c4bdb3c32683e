-- Division of integers by zero fails.

SELECT 1 / a FROM (VALUES (0)) AS t(a);
!error
zero
!end
