-- A syntax error says where.

SELECT 1 +
  FROM;
!error
line 2
!end
