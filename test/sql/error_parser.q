-- What the parser says: the place, what was found, what was expected, the nearest word, and the line with a caret.

SELECT a FORM t;
!error
line 1, column 15: found "t", expected ';' or the end of the statement; "FORM" before it was read as an alias, did you mean FROM?
  SELECT a FORM t;
                ^
!end

SELEC 1;
!error
line 1, column 1: found "SELEC", expected a statement; did you mean SELECT?
  SELEC 1;
  ^
!end

SELECT value FROM t;
!error
line 1, column 8: found "value", expected an expression; VALUE is a reserved word, as an identifier it is written `value`
  SELECT value FROM t;
         ^
!end

CREATE TABLE t (date INT);
!error
line 1, column 17: found "date", expected a column's name; DATE is a reserved word, as an identifier it is written `date`
  CREATE TABLE t (date INT);
                  ^
!end

CREATE TABEL t (a INT);
!error
line 1, column 8: found "TABEL", expected TABLE, VIEW, DATABASE, CATALOG, FUNCTION, MODEL, CONNECTION or MATERIALIZED TABLE; did you mean TABLE?
  CREATE TABEL t (a INT);
         ^
!end

CREATE TABLE t (a INTT);
!error
line 1, column 19: found "INTT", expected a data type; did you mean INT?
  CREATE TABLE t (a INTT);
                    ^
!end

CREATE TABLE t (a DECIMAL(50, 2));
!error
line 1, column 27: found 50, expected a precision of at most 38
  CREATE TABLE t (a DECIMAL(50, 2));
                            ^
!end

CREATE TABLE t (a INT) WITH (connector = 'print');
!error
line 1, column 30: found "connector", expected an option's key in single quotes
  CREATE TABLE t (a INT) WITH (connector = 'print');
                               ^
!end

SELECT "a";
!error
line 1, column 8: found '"'; strings are written 'x', identifiers are quoted `x`
  SELECT "a";
         ^
!end

SELECT 1 WHERE 1 NOT 5;
!error
line 1, column 22: found "5", expected IN, BETWEEN, LIKE or SIMILAR TO behind NOT
  SELECT 1 WHERE 1 NOT 5;
                       ^
!end

SELECT INTERVAL '1' FOO;
!error
line 1, column 21: found "FOO", expected an interval's unit such as DAY, HOUR or YEAR TO MONTH
  SELECT INTERVAL '1' FOO;
                      ^
!end

SELECT a COLLATE x;
!error
line 1, column 10: COLLATE is not implemented
  SELECT a COLLATE x;
           ^
!end

SELECT *
	FROM (SELECT 1 AS a)
	WHER a = 1;
!error
line 3, column 7: found "a", expected ';' or the end of the statement; "WHER" before it was read as an alias, did you mean WHERE?
   WHER a = 1;
        ^
!end

SHOW TABELS;
!error
line 1, column 6: found "TABELS", expected CATALOGS, DATABASES, TABLES, VIEWS, COLUMNS, PARTITIONS, FUNCTIONS, MODULES, PROCEDURES, MODELS, CONNECTIONS, JARS, JOBS, CURRENT or CREATE; did you mean TABLES?
  SHOW TABELS;
       ^
!end

EXPLAIN PLAN SELECT 1;
!error
line 1, column 14: found "SELECT", expected FOR
  EXPLAIN PLAN SELECT 1;
               ^
!end

MERGE INTO t USING s;
!error
line 1, column 1: MERGE is not implemented; INSERT INTO a table with a primary key updates its rows
  MERGE INTO t USING s;
  ^
!end
