-- A file that is not there is named.

CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'path' = '${DATA}/none.json', 'format' = 'json');

SELECT * FROM t;
!error
none.json
!end
