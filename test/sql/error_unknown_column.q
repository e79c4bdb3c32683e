-- An unknown column names the nearest.

SELECT prise FROM (VALUES (1)) AS t(price);
!error
price
!end
