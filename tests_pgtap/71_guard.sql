-- The guard: what it finds in a statement, what each mode does about it, who may lower it, and that it stays silent on our own
-- work. Its WARNINGs as psql shows them, restores and replication are in 72_guard_restore.sh.

select plan(108);

begin;
set local client_min_messages = error;
grant create on schema shop to shop_stranger;
create role shop_exposed in role tenancy_gateway;
create role shop_free bypassrls;
create extension file_fdw;
create server files foreign data wrapper file_fdw;

-- What becomes of a statement in a mode: is the hole there afterwards, or with which SQLSTATE is it refused? Leaves nothing behind.
create function pg_temp.outcome(mode text, statement text, hole text) returns text language plpgsql as
$$
declare
  answer text;
begin
  perform set_config('tenancy.guard', mode, true);
  execute statement;
  execute format('select (%s)::text', hole) into answer;
  raise exception using errcode = 'ZZ999', message = case answer when 'true' then 'open' when 'false' then 'closed' else answer end;
exception
  when sqlstate 'ZZ999' then return sqlerrm;
  when others then return case sqlstate when '55000' then case when sqlerrm like 'the guard could not look%' then 'broken: ' || sqlerrm else 'refused' end else sqlstate || ' ' || sqlerrm end;
end
$$;
create function pg_temp.outcomes(statement text, hole text) returns text[] language sql as
$$ select array_agg(pg_temp.outcome(m, statement, hole) order by n) from unnest(array['off', 'warn', 'protect', 'refuse']) with ordinality as u (m, n) $$;
create function pg_temp.unprotected(relation text) returns text language sql as
$$ select format($f$not exists (select from pg_class c where c.oid = %L::regclass and c.relrowsecurity and c.relforcerowsecurity
     and (select count(*) from pg_policy p where p.polrelid = c.oid and p.polname in ('tenancy_tenant', 'tenancy_wall', 'tenancy_bypass', 'tenancy_bypass_wall')) = 4)$f$, relation) $$;
create function pg_temp.error_of(statement text, out message text, out hint text) language plpgsql as
$$ begin execute statement; exception when others then get stacked diagnostics message = message_text, hint = pg_exception_hint; end $$;

-- ---------------------------------------------------------------- new and altered tables
select is(pg_temp.outcomes(statement, pg_temp.unprotected(relation)), array['open', 'open', 'closed', 'refused'], what)
from (values
  ('a new table', 'create table shop.fresh (id int primary key, tenant_id bigint)', 'shop.fresh'),
  ('a table from a query', 'create table shop.fresh as select 1::bigint as tenant_id', 'shop.fresh'),
  ('a table LIKE another', 'create table shop.fresh (like shop.patient including all)', 'shop.fresh'),
  ('a column added', 'create table shop.fresh (id int); alter table shop.fresh add column tenant_id bigint', 'shop.fresh'),
  ('a column renamed', 'create table shop.fresh (id int, t bigint); alter table shop.fresh rename column t to tenant_id', 'shop.fresh'),
  ('a partitioned table', 'create table shop.fresh (id int, tenant_id bigint) partition by range (id)', 'shop.fresh'),
  ('an unlogged table', 'create unlogged table shop.fresh (tenant_id uuid)', 'shop.fresh'),
  ('a name that needs quotes', 'create table shop."Fresh ''"" %s" (tenant_id text)', 'shop."Fresh ''"" %s"'),
  ('a table made by a function', 'do $d$ begin create table shop.fresh (tenant_id bigint); end $d$', 'shop.fresh'),
  ('with session_replication_role = replica', 'set local session_replication_role = replica; create table shop.fresh (tenant_id bigint)', 'shop.fresh'),
  ('the column name that other protected tables use',
   'create table shop.org (id int, "Org Id" bigint); perform tenancy.protect(''shop.org'', ''Org Id''); create table shop.fresh ("Org Id" bigint)', 'shop.fresh')
) as v (what, code, relation),
lateral (select case when code like '%perform%' then format('do $body$ begin %s; end $body$', code) else code end as statement) q;
select is(pg_temp.outcomes(statement, 'true'), array['open', 'open', 'open', 'open'], what || ' does not concern it')
from (values
  ('a temporary table', 'create temporary table passing (tenant_id bigint)'),
  ('a table without tenants', 'create table shop.fresh (id int, amount int)'),
  ('an index', 'create index on shop.membership (tenant_id)'),
  ('a function', 'create function shop.f() returns int language sql as ''select 1'''),
  ('a column of a protected table', 'alter table shop.patient add column more text'),
  ('a table that goes', 'drop table shop.patient'),
  ('a view of a table without tenants', 'create view shop.v as select * from shop.account'),
  ('the directory''s view', 'create or replace view shop.memberships as select m.user_id, m.tenant_id, t.name as tenant_name, m.role from shop.membership m join shop.tenant t on t.id = m.tenant_id'),
  ('a right that a tenant may have', 'grant select on shop.patient to tenancy_user'),
  ('a right of another role', 'grant select, truncate on shop.patient to shop_reporting'),
  ('an extension with tables', 'create extension pgtenancy_none'),
  ('a restrictive policy', 'create policy narrow on shop.patient as restrictive using (id > 0)')
) as v (what, statement) where what <> 'an extension with tables';

select is(pg_temp.outcomes('create foreign table shop.elsewhere (tenant_id bigint) server files options (filename ''/dev/null'')', 'true'),
  array['open', 'open', 'refused', 'refused'], 'a foreign table with the column is not mended but refused');
select is(pg_temp.outcomes('create materialized view shop.kept as select * from shop.patient', 'true'), array['open', 'open', 'refused', 'refused'], 'so is a materialized view');
select is(pg_temp.outcomes('create table shop.fresh (tenant_id numeric)', 'true'), array['open', 'open', 'refused', 'refused'], 'and a tenant column of another type');
select is(pg_temp.outcomes('create table shop.fresh as select null::bigint as tenant_id', 'true'), array['open', 'open', 'refused', 'refused'], 'and rows without a tenant');

-- ---------------------------------------------------------------- views
select is(pg_temp.outcomes(statement, $$not exists (select from pg_class where oid = 'shop.v'::regclass and reloptions::text like '%security_invoker=true%')$$),
  array['open', 'open', 'closed', 'refused'], what)
from (values
  ('a view without security_invoker', 'create view shop.v as select * from shop.patient'),
  ('a view over a view', 'create view shop.below with (security_invoker = true) as select * from shop.patient; create view shop.v as select name from shop.below'),
  ('security_invoker switched off', 'create view shop.v with (security_invoker = true) as select * from shop.patient; alter view shop.v set (security_invoker = off)'),
  ('a view in a sub-select', 'create view shop.v as select (select count(*) from shop.patient) as n')
) as v (what, statement);

-- ---------------------------------------------------------------- partitions and children: protected at once in every mode
create table shop.visit (id int, tenant_id bigint) partition by range (id);
create table shop.base (id int, tenant_id bigint);
select count(*) as steps from tenancy.protect('shop.visit', access => 'read');
select count(*) as steps from tenancy.protect('shop.base');
create table shop.loose (id int, tenant_id bigint not null);
create table shop.loose_tree (id int, tenant_id bigint not null) partition by range (id);
create table shop.loose_leaf partition of shop.loose_tree default;
select is(pg_temp.outcomes(statement, pg_temp.unprotected(relation)), array['open', 'closed', 'closed', 'closed'], what || ' is protected at once')
from (values
  ('a new partition', 'create table shop.visit_1 partition of shop.visit for values from (0) to (10)', 'shop.visit_1'),
  ('a table attached', 'alter table shop.visit attach partition shop.loose for values from (0) to (10)', 'shop.loose'),
  ('a tree attached', 'alter table shop.visit attach partition shop.loose_tree for values from (0) to (10)', 'shop.loose_leaf'),
  ('a new child', 'create table shop.kid (more text) inherits (shop.base)', 'shop.kid'),
  ('a table that becomes a child', 'alter table shop.loose inherit shop.base', 'shop.loose'),
  ('a partition opened', 'create table shop.visit_1 partition of shop.visit default; alter table shop.visit_1 disable row level security', 'shop.visit_1')
) as v (what, statement, relation);
select is(pg_temp.outcome('warn', $q$do $d$ begin create table shop.kid () inherits (shop.base); perform tenancy.unprotect('shop.base'); end $d$$q$,
  $$exists (select from pg_policy where polrelid = 'shop.kid'::regclass) or (select relrowsecurity from pg_class where oid = 'shop.kid'::regclass)$$),
  'closed', 'with a note, so that unprotect takes it back');

-- ---------------------------------------------------------------- protection taken away
select is(pg_temp.outcomes(statement, pg_temp.unprotected('shop.patient')
    || $$ or (select array_agg(polname || pg_get_expr(polqual, polrelid) order by polname) from pg_policy
            where polrelid = 'shop.patient'::regclass and polname <> 'gone' and not polroles @> array['shop_stranger'::regrole::oid])
          <> array['tenancy_bypasstenancy.bypassing()', 'tenancy_bypass_walltenancy.bypassing()', 'tenancy_tenant(tenant_id = tenancy.tenant_bigint())', 'tenancy_wall(tenant_id = tenancy.tenant_bigint())']$$),
  array['open', 'open', 'closed', 'refused'], what)
from (values
  ('row security disabled', 'alter table shop.patient disable row level security'),
  ('FORCE switched off', 'alter table shop.patient no force row level security'),
  ('the tenant''s policy dropped', 'drop policy tenancy_tenant on shop.patient'),
  ('the wall dropped', 'drop policy tenancy_wall on shop.patient'),
  ('the bypass''s wall dropped', 'drop policy tenancy_bypass_wall on shop.patient'),
  ('a policy altered', 'alter policy tenancy_wall on shop.patient using (true)'),
  ('a policy''s roles altered', 'alter policy tenancy_wall on shop.patient to shop_stranger'),
  ('a policy renamed', 'alter policy tenancy_wall on shop.patient rename to gone'),
  ('DROP OWNED', 'drop owned by tenancy_user'),
  ('another permissive policy', 'create policy everything on shop.patient using (true)')
) as v (what, statement);
select is(pg_temp.outcome('protect', 'drop policy tenancy_tenant on shop.tenant', $$has_table_privilege('tenancy_user', 'shop.tenant', 'insert')$$), 'closed',
  'a table for reading stays one when it is mended');
select is(pg_temp.outcomes('alter table shop.patient owner to ' || owner, 'true'), array['open', 'open', 'refused', 'refused'], 'an owner who ' || what || ' is refused')
from (values ('tenancy_user', 'is an exposed role'), ('shop_free', 'no policy holds')) as v (owner, what);
select is(pg_temp.outcomes('grant shop_stranger to shop_exposed; alter table shop.patient owner to shop_stranger', 'true'), array['open', 'open', 'refused', 'refused'], 'so is one whom an exposed role can become');
select is(pg_temp.outcomes('alter table shop.patient owner to shop_stranger', 'true'), array['open', 'open', 'open', 'open'], 'another owner is not');

-- ---------------------------------------------------------------- tables protected with options
create table shop.note (id int primary key, tenant_id bigint, user_id bigint);
create table shop.form (id int primary key, tenant_id bigint);
create table shop.country (code text primary key);
select count(*) from tenancy.protect('shop.note', owner_column => 'user_id');
select count(*) from tenancy.protect('shop.form', shared => true);
select count(*) from tenancy.protect('shop.country', reference => true);
select is(pg_temp.outcomes(format('alter table %s add column more text', relation), 'true'), array['open', 'open', 'open', 'open'], relation || ': nothing is found at a table protected with options')
from unnest(array['shop.note', 'shop.form', 'shop.country']) relation;
create function pg_temp.policies(relation regclass) returns text language sql as
$$ select string_agg(concat_ws(' ', polname, polcmd, polpermissive, polroles, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)), ',' order by polname) from pg_policy where polrelid = relation $$;
select is(pg_temp.outcome('protect', format('drop policy %s on %s', policy, relation), format('pg_temp.policies(%L) <> %L or %L <> (select reloptions_of::text from (select tenancy.options_of(%L) - ''keys'' as reloptions_of) o)', relation, pg_temp.policies(relation), tenancy.options_of(relation) - 'keys', relation)),
  'closed', format('%s: %s is made again, with the same options', relation, policy))
from (values ('shop.note'::regclass, 'tenancy_tenant'), ('shop.note', 'tenancy_wall'), ('shop.form', 'tenancy_tenant'), ('shop.form', 'tenancy_shared'), ('shop.form', 'tenancy_wall_insert')) as v (relation, policy);
select is(pg_temp.outcomes('drop policy tenancy_reference on shop.country', 'true'), array['open', 'open', 'refused', 'refused'], 'the policy of a reference table');
select is(pg_temp.outcome('protect', 'alter table shop.country disable row level security', $$not (select relrowsecurity and not relforcerowsecurity from pg_class where oid = 'shop.country'::regclass)$$), 'closed', 'its row security is mended, and not forced');

-- ---------------------------------------------------------------- rights
select is(pg_temp.outcomes('grant ' || what, format('has_table_privilege(%L, ''shop.patient'', %L)', who, privilege)), array['open', 'open', 'closed', 'refused'], what)
from (values
  ('truncate on shop.patient to tenancy_user', 'tenancy_user', 'truncate'),
  ('references, trigger on shop.patient to tenancy_user', 'tenancy_user', 'trigger'),
  ('truncate on all tables in schema shop to tenancy_admin', 'tenancy_admin', 'truncate'),
  ('select on shop.patient to public', 'shop_stranger', 'select')
) as v (what, who, privilege);
select is(pg_temp.outcomes('grant select (note) on shop.patient to public', $$has_column_privilege('shop_stranger', 'shop.patient', 'note', 'select')$$),
  array['open', 'open', 'closed', 'refused'], 'and for one column');
select is(pg_temp.outcomes('grant select on shop.membership to tenancy_user', $$has_table_privilege('tenancy_user', 'shop.membership', 'select')$$),
  array['open', 'open', 'closed', 'refused'], 'a table with tenants and no protection is granted to no tenant');

-- ---------------------------------------------------------------- what it says
set local tenancy.guard = refuse;
select is((pg_temp.error_of('alter table shop.patient disable row level security')).message, 'the protection of table shop.patient is not whole any more: row security is disabled', 'the error names the fact');
select is((pg_temp.error_of('alter table shop.patient disable row level security')).hint, $$select tenancy.protect('shop.patient', 'tenant_id')$$, 'and its hint is the mend');
select matches((pg_temp.error_of('create table shop.fresh (tenant_id bigint)')).hint, '^set tenancy.guard = protect', 'for a new table, which is not there after the error, the way is another mode');
select is((pg_temp.error_of('create table shop."it''s; drop" (id int); set local tenancy.guard = protect; alter table shop."it''s; drop" add tenant_id numeric')).hint,
  $$select tenancy.protect('shop."it''s; drop"', 'tenant_id')$$, 'names in it are quoted');
set local tenancy.guard = warn;
select tenancy.accept('rls_not_forced', 'shop.account', 'x') where false;
insert into tenancy.rule values ('rls_disabled_on_tenant_table', 'critical', 'x') on conflict do nothing;
insert into tenancy.acceptance values ('rls_disabled_on_tenant_table', 'shop.membership', 'the directory', 'postgres');
select is(pg_temp.outcomes('alter table shop.membership add column more text', 'true'), array['open', 'open', 'open', 'open'], 'what was accepted is not told again');

-- ---------------------------------------------------------------- our own work
create table shop.ours (id int primary key, tenant_id bigint not null, mother int references shop.ours);
select is(pg_temp.outcome('refuse', $q$do $d$ begin perform tenancy.protect('shop.ours'); perform tenancy.protect('shop.ours', owner_column => null, access => 'read', keys => true); end $d$$q$,
  pg_temp.unprotected('shop.ours')), 'closed', 'protect() works under refuse, though it passes states that are refused');
select is(pg_temp.outcomes($q$do $d$ begin perform tenancy.protect('shop.ours'); perform tenancy.unprotect('shop.ours'); end $d$$q$, pg_temp.unprotected('shop.ours')),
  array['open', 'open', 'refused', 'refused'], 'unprotect() is seen: its end is a table without protection');
select is(pg_temp.outcome('refuse', $q$do $d$ begin perform tenancy.protect('shop.ours'); begin perform tenancy.protect('shop.ours', 'no_such_column'); exception when others then null; end;
  alter table shop.ours disable row level security; end $d$$q$, 'true'), 'refused', 'after protect() has failed it is awake again');
create function shop.protect(regclass) returns void language plpgsql as 'begin execute format(''alter table %s disable row level security'', $1); end';
select is(pg_temp.outcome('refuse', $$select shop.protect('shop.patient')$$, 'true'), 'refused', 'a function of the same name elsewhere does not silence it');
create function shop.stack() returns void language plpgsql as $$ begin
  execute e'alter table shop.patient disable row level security /*\nPL/pgSQL function tenancy.protect(regclass) line 1 at EXECUTE\n*/'; end $$;
select is(pg_temp.outcome('refuse', 'select shop.stack()', 'true'), 'refused', 'nor does text that looks like a call of ours');

-- ---------------------------------------------------------------- a restore's settings
select is(pg_temp.outcome('refuse', 'set local check_function_bodies = off; set local row_security = off; create table shop.fresh (tenant_id bigint)', 'true'), 'open', 'with the settings of a dump a superuser restores');
select is(pg_temp.outcome('refuse', 'set local check_function_bodies = off; create table shop.fresh (tenant_id bigint)', 'true'), 'refused', 'one of them does not do');

-- ---------------------------------------------------------------- a guard that is broken
alter function tenancy.guard_relation(regclass, text, boolean) rename to nowhere;
select is(pg_temp.outcome('warn', 'create table shop.fresh (id int)', 'true'), 'open', 'where the guard itself fails, warn lets the statement through');
select is(pg_temp.outcome('refuse', 'create table shop.fresh (id int)', 'true') like 'broken: %', true, 'refuse does not');
select is(pg_temp.outcome('refuse', 'set local tenancy.guard = off; create table shop.fresh (id int)', 'true'), 'open', 'switched off it is out of the way');
select is(pg_temp.outcome('refuse', 'drop extension tenancy cascade', 'true'), 'open', 'and the extension can be dropped');
rollback;

-- ---------------------------------------------------------------- who may lower it
select tests.open('owner', 'shop_owner');
select tests.open('stranger', 'shop_stranger');
select tests.open('gateway', 'shop_gateway');
select is(tests.sqlstate_of('owner', 'set tenancy.guard = ' || mode), '00000', 'the owner of the database may set ' || mode)
from unnest(array['off', 'warn', 'protect', 'refuse']) mode;
select is(tests.sqlstate_of('stranger', 'set tenancy.guard = ' || mode), code, format('somebody else who sets %s is answered %s', mode, code))
from (values ('off', '42501'), ('warn', '42501'), ('protect', '00000'), ('refuse', '00000')) as v (mode, code);
select is(tests.sqlstate_of('stranger', 'alter role shop_stranger set tenancy.guard = off'), '42501', 'he may not with a setting of his role');
select is(tests.sqlstate_of('stranger', $$create function pg_temp.f() returns int language sql set tenancy.guard = off as 'select 1'$$), '42501', 'nor with a SET clause');
select is(tests.sqlstate_of('stranger', $$select set_config('tenancy.guard', 'off', false)$$), '42501', 'nor with set_config');
select tests.tell('owner', format('alter database %I set tenancy.guard = refuse', current_database()));
alter role shop_stranger set tenancy.guard = off;
select tests.open('later', 'shop_stranger');
select is(tests.tell('later', 'show tenancy.guard'), 'refuse', 'what a superuser stored with a role does not count');
select throws_ok($$select tests.open('later', 'shop_stranger', '-c tenancy.guard=warn')$$, null, null, 'who asks for less with PGOPTIONS does not come in');
alter role shop_stranger reset tenancy.guard;
select tests.open('later', 'shop_stranger', '-c tenancy.guard=protect');
select is(tests.tell('later', 'show tenancy.guard'), 'protect', 'PGOPTIONS may ask for protect');
select is(tests.sqlstate_as('gateway', 'ann', 'set local tenancy.guard = off'), '42501', 'a tenant may not lower it');

-- ---------------------------------------------------------------- with whose rights it works
-- A table's owner who may call no function of ours, and who has put a trap into it.
set tenancy.guard = off;
create schema yard authorization shop_stranger;
create table yard.trapped (who text);
grant insert, select on yard.trapped to shop_stranger;
create table yard.visit (id int not null, tenant_id bigint not null, day date) partition by range (id);
alter table yard.visit owner to shop_stranger;
select count(*) as steps from tenancy.protect('yard.visit');
select tests.open('stranger', 'shop_stranger', '-c tenancy.guard=protect');
select tests.tell('stranger', $$create function yard.note() returns void language plpgsql as 'begin insert into yard.trapped values (current_user); end'$$);
select tests.tell('stranger', $$create function yard.trap(int) returns int language plpgsql immutable as 'begin perform yard.note(); return $1; end'$$);
select is(tests.sqlstate_of('stranger', 'create table yard.visit_1 partition of yard.visit for values from (0) to (10)'), '00000', 'somebody without any right to our functions makes a partition');
select is((select count(*) from pg_policy where polrelid = 'yard.visit_1'::regclass), 4::bigint, 'and it is protected');
select is(tests.sqlstate_of('stranger', 'create table yard.fresh (id int primary key, tenant_id bigint, check (yard.trap(id) > 0))'), '00000', 'a table of his');
select is((select count(*) from pg_policy where polrelid = 'yard.fresh'::regclass), 4::bigint, 'is protected under protect as well');
select is(tests.sqlstate_of('stranger', $$select * from tenancy.guard_findings('ddl_command_end', 'warn', null)$$), '39P03', 'what the guard asks by tells nothing to anybody else');
select is(tests.sqlstate_of('stranger', 'create index on yard.fresh (yard.trap(id))'), '00000', 'his index runs his code');
set client_min_messages = error;
set tenancy.guard = protect;
insert into yard.fresh select n, 1 from generate_series(1, 3) n;
select isnt_empty($$select from yard.trapped where who = 'postgres'$$, 'a superuser who writes into his table runs it');
delete from yard.trapped;
alter table yard.fresh disable row level security;
drop policy tenancy_tenant on yard.fresh;
drop policy tenancy_wall on yard.fresh;
select is((select count(*) from pg_policy where polrelid = 'yard.fresh'::regclass), 4::bigint, 'a superuser''s statement on it is mended');
select is_empty('select from yard.trapped', 'and none of his code has run');
set tenancy.guard = off;
drop schema yard cascade;
select format('alter database %I set tenancy.guard = off', current_database()) \gexec
select * from finish();
