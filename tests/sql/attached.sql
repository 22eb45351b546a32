-- A database whose name is bound may be attached with a shared cache; one that is named can be seen not to be.
ATTACH ':memory:' AS plain;
SELECT detail FROM warden_checks WHERE "check" = 'this connection';
.parameter set :name "'file:x?mode=memory&cache=shared'"
ATTACH :name AS bound;
SELECT detail FROM warden_checks WHERE "check" = 'this connection';
