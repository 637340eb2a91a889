-- The server's own errors of row security and rights carry a hint that says where to ask why, as a client sees it: over a
-- connection, not caught inside the server. Functions it names are tenancy.why() and why_write().

select plan(13);
select tests.open('a', 'shop_gateway');

create function pg_temp.hint_as(user_name text, statement text, out code text, out hint text) language plpgsql as
$$
begin
  perform tests.begin_as('a', user_name);
  select t.code, t.hint into code, hint from tests.try('a', statement) t;
  perform tests.tell('a', 'rollback');
end
$$;

select matches((pg_temp.hint_as('ann', statement)).hint, 'tenancy\.why_write\(', what)
from (values
  ('a row for another tenant: the hint tells where to ask', $$insert into shop.patient (tenant_id, name) values (2, 'x')$$),
  ('a row given away', 'update shop.patient set tenant_id = 2'),
  ('an upsert that gives a row away', $$insert into shop.patient (name) values ('x') on conflict do nothing; insert into shop.patient (tenant_id, name) values (2, 'x')$$)
) as v (what, statement);
select matches((pg_temp.hint_as('ann', 'truncate shop.patient')).hint, 'seal', 'a refusal of our own keeps its own hint');
select matches((pg_temp.hint_as('ann', statement)).hint, 'tenancy\.why\(', what)
from (values
  ('a table that is only read: the hint tells where to ask', $$update shop.tenant set name = 'x'$$),
  ('a table without any right', 'select * from shop.account')
) as v (what, statement);
select is((pg_temp.hint_as('ann', 'select 1/0')).hint, '', 'other errors get none');
select is((pg_temp.hint_as('ann', $$select * from shop.nowhere$$)).hint, '', 'nor do unknown tables');
select is((select count(*) from (values ($$insert into shop.patient (tenant_id, name) values (2, 'secret')$$)) v (s),
           lateral pg_temp.hint_as('ann', s) h where h.hint ~ 'secret|patient|2'), 0::bigint, 'no hint holds a value of the statement');
select tests.open('fresh', 'shop_gateway');
select is((tests.try('fresh', 'select * from shop.patient')).hint, '', 'before any context the server''s errors are left as they are');
select matches((tests.try('a', 'select * from shop.patient')).hint, 'no tenant context.*after BEGIN', 'after one, as in autocommit mode, the hint says that it has ended');
create table shop.walled (id int);
alter table shop.walled enable row level security;
grant insert on shop.walled to shop_gateway;
grant usage on schema shop to shop_gateway;
select is((tests.try('a', 'insert into shop.walled values (1)')).code, '42501', 'a table that others guard');
select is((tests.try('a', 'insert into shop.walled values (1)')).hint, '', 'is not ours to explain');
drop table shop.walled;
revoke usage on schema shop from shop_gateway;
select * from finish();
