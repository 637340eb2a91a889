-- Attack: give a name that a policy uses another meaning: operators and functions of a search_path, types in pg_temp,
-- which are searched before all others. The attacker prepares it on a pooled connection, outside any context, and waits.

select plan(20);
select tests.open('a', 'shop_gateway');
select tests.open('owner', 'shop_owner');

-- ---------------------------------------------------------------- nothing is looked up by name
select is_empty(
  $$select p.polrelid::regclass, d.refobjid from pg_policy p
      join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid
     where p.polname like 'tenancy\_%'
       and not (d.refclassid = 'pg_class'::regclass and d.refobjid = p.polrelid)
       and not (d.refclassid = 'pg_proc'::regclass and exists (
             select from pg_proc f join pg_language l on l.oid = f.prolang
              where f.oid = d.refobjid and f.pronamespace = 'tenancy'::regnamespace and l.lanname = 'c'))$$,
  'a policy stands on its own column and a C function of the extension, and on nothing else');
select is_empty(
  $$select p.polrelid::regclass from pg_policy p where p.polname like 'tenancy\_%'
       and p.polqual::text ~ 'SUBLINK|RELABELTYPE|COERCEVIAIO|SQLVALUEFUNCTION'$$,
  'no sub-select, cast or current_user in it');

-- ---------------------------------------------------------------- operators and functions of a search_path
create schema lure;
grant usage on schema lure to public;
create function lure.yes(bigint, bigint) returns boolean language sql as 'select true';
create operator lure.= (leftarg = bigint, rightarg = bigint, function = lure.yes);
create function lure.tenant_bigint() returns bigint language sql as 'select 2::bigint';
create function lure.count(bigint) returns bigint language sql as 'select 99::bigint';
select tests.begin_as('a', 'ann');
select tests.tell('a', 'set local search_path = lure, pg_catalog');
select is(tests.tell('a', 'select tenant_bigint()'), '2', 'inside a context a search_path gives names another meaning');
select is(tests.tell('a', 'select 1::bigint = 2::bigint'), 't', 'operators too');
select is(tests.tell('a', 'select array_agg(tenant_id) from shop.patient'), '{1,1,1,1,1}', 'but not those of a policy');
select is(tests.tell('a', $$insert into shop.patient (name) values ('mine') returning tenant_id$$), '1', 'nor that of a default');
select is(tests.sqlstate_inside('a', $$insert into shop.patient (tenant_id, name) values (2, 'theirs')$$), '42501', 'nor of its check');
select is(tests.tell('a', $$select w ->> 'tenant_id' from tenancy.whoami() w$$), '1', 'nor inside whoami');
select tests.tell('a', 'rollback');

-- The same for a plan that was made before and kept.
select tests.tell('a', 'set search_path = lure, pg_catalog');
select is(tests.tell_as('a', 'ann', 'select array_agg(tenant_id) from shop.patient'), '{1,1,1,1,1}', 'a session''s search_path left for the next user changes nothing either');
select is(tests.tell('a', $$select tenant_id from tenancy.login('ann', 'ann-secret')$$), '1', 'sign-in works with it');
select is(tests.sqlstate_of('a', $$select (tenancy.login('ann', 'bob-secret')).token$$), '28P01', 'and is not fooled');
select is((select tests.tell('a', format('select tenant_id from tenancy.choose_tenant(%L, %L)', tests.token('cyd'), '3'))), '3', 'choose_tenant works with it');
select is(tests.sqlstate_of('a', (select format('select (tenancy.choose_tenant(%L, %L)).user_id', tests.token('cyd'), '2'))), '42501', 'and is not fooled');
select tests.tell('a', 'reset search_path');
set client_min_messages = warning;
drop schema lure cascade;

-- ---------------------------------------------------------------- types in pg_temp
-- An attacker's domain with a check that runs his function, waiting for a cast in the next user's transaction.
select tests.tell('a', 'create temporary table loot (what text)');
select tests.tell('a', 'grant insert on loot to public');
select tests.tell('a', $$create function pg_temp.steal(value pg_catalog.text) returns boolean language plpgsql as
  $f$ begin
    insert into loot select p.note from shop.patient p;
    return true;
  exception when others then
    insert into loot values (sqlerrm);
    return true;
  end $f$ $$);
select tests.tell('a', format('create domain pg_temp.%I as pg_catalog.%1$I check (pg_temp.steal(value::pg_catalog.text))', t))
  from unnest(array['text', 'int8', 'int4', 'uuid', 'bool', 'jsonb', 'regclass', 'name', 'bytea', 'timestamptz']) t;
select is(tests.tell('a', 'select ''x''::text'), 'x', 'the trap is set');
select is(tests.tell('a', 'select count(*) > 0 from loot'), 't', 'and snaps at a cast of the application''s own');
select tests.tell('a', 'delete from loot');
select is(tests.tell_as('a', 'bob', 'select count(*) from shop.patient'), '5', 'a policy runs in the next user''s transaction');
select is(tests.tell_as('a', 'bob', 'insert into shop.patient (name) values (pg_catalog.format(''x'')) returning tenant_id'), '2', 'a default and a check do');
select is(tests.tell_as('a', 'bob', $$select w operator(pg_catalog.->>) 'tenant_id' from tenancy.whoami() w$$), '2', 'whoami does');
select tests.tell('a', $$select (tenancy.login('ann', 'ann-secret')).tenant_id$$);
select tests.tell('a', format('select (tenancy.choose_tenant(%L, %L)).user_id', tests.token('cyd'), '3'));
select tests.tell('a', format('select tenancy.logout(%L)', tests.token('cyd')));
select is(tests.tell('a', 'select count(*) from loot'), '0', 'and none of these, nor sign-in, choice and logout, casts to a name that the attacker took');

-- The counter-proof: a policy as people write it by hand walks into it.
delete from shop.patient where name in ('mine', 'x');
create function shop.by_hand() returns bigint language plpgsql stable as $$ begin return current_setting('tenancy.tenant_id')::text::int8; end $$;
create table shop.by_hand (id int, tenant_id bigint);
insert into shop.by_hand values (1, 1), (2, 2);
grant select on shop.by_hand to tenancy_user;
alter table shop.by_hand enable row level security;
create policy by_hand on shop.by_hand using (tenant_id = shop.by_hand());
select tests.tell_as('a', 'bob', 'select count(*) from shop.by_hand');
select isnt(tests.tell('a', 'select count(*) from loot'), '0', 'a policy with a PL/pgSQL function that casts would have run the attacker''s code as bob');
drop table shop.by_hand;
drop function shop.by_hand();

select * from finish();
