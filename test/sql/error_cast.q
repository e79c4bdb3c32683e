-- A failed cast names the value.

SELECT CAST(a AS INT) FROM (VALUES ('abc')) AS t(a);
!error
abc
!end
