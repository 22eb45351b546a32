-- doctor.sql and report.sql run as they are; what they print depends on the machine.
CREATE TABLE a(b);
INSERT INTO a VALUES (1), (2);
.output /dev/null
.read sql/doctor.sql
.output /dev/null
.read sql/report.sql
.output stdout
SELECT 'both ran';
