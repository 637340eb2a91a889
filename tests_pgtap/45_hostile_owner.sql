-- A superuser protects the table of somebody who would like to be one: nothing of what the owner wrote runs as the
-- superuser. Each trap is shown to work where the superuser runs the same statement by hand.

select plan(27);
select tests.open('owner', 'shop_owner');
select tests.tell('owner', 'create schema trap');
create function pg_temp.make(definition text) returns text language sql as $$ select tests.tell('owner', definition) $$;
-- The trap tells who stepped into it. IMMUTABLE is a lie: the planner believes it and calls the function.
select pg_temp.make('create table trap.caught (who name, what text)');
select pg_temp.make('grant insert on trap.caught to public');
select pg_temp.make('grant usage on schema trap to public');
select pg_temp.make($$create function trap.note(what text) returns void language plpgsql volatile as 'begin insert into trap.caught values (current_user, what); end'$$);
select pg_temp.make($$create function trap.spring(what text) returns boolean language plpgsql immutable as 'begin perform trap.note(what); return true; end'$$);
select pg_temp.make('create table trap.parent (id int primary key, tenant_id bigint not null)');
select pg_temp.make($$create table trap.child (id int primary key, tenant_id bigint, parent_id int references trap.parent, note text, check (trap.spring('check')))$$);
select pg_temp.make($$create index on trap.child (parent_id) where trap.spring('index predicate')$$);
select pg_temp.make($$create index on trap.parent (tenant_id) where trap.spring('parent''s index predicate')$$);
select pg_temp.make($$create index on trap.child ((trap.spring(note)))$$);
select pg_temp.make($$create unique index on trap.child (note) where trap.spring('unique predicate')$$);
select pg_temp.make($$insert into trap.parent values (1, 1)$$);
select pg_temp.make($$insert into trap.child values (1, 1, 1, 'expression')$$);
select pg_temp.make($$create policy own on trap.child using (trap.spring('policy'))$$);
select pg_temp.make('alter table trap.child enable row level security');
select pg_temp.make($$create function trap.fire() returns trigger language plpgsql as 'begin perform trap.note(''trigger''); return new; end'$$);
select pg_temp.make('create trigger fire before insert or update or delete on trap.child for each row execute function trap.fire()');
create function pg_temp.caught() returns bigint language plpgsql as
$$
declare
  n bigint;
begin
  select count(*) into n from trap.caught where who = current_user;
  delete from trap.caught;
  return n;
end
$$;
delete from trap.caught;

begin;
alter table trap.child alter column tenant_id set not null;
select cmp_ok(pg_temp.caught(), '>', 0::bigint, 'SET NOT NULL by hand runs the owner''s function as the superuser');
rollback;
begin;
select count(*) from trap.child where tenant_id is null;
select cmp_ok(pg_temp.caught(), '>', 0::bigint, 'so does counting');
rollback;
begin;
alter table trap.child add foreign key (parent_id) references trap.parent;
select cmp_ok(pg_temp.caught(), '>', 0::bigint, 'so does a foreign key');
rollback;

create temporary table call (what text, statement text);
insert into call values
  ('protect', $$select count(*) from tenancy.protect('trap.child')$$),
  ('protect again', $$select count(*) from tenancy.protect('trap.child')$$),
  ('protect with keys', $$select count(*) from tenancy.protect_all('trap', keys => true)$$),
  ('unprotect', $$select count(*) from tenancy.unprotect('trap.parent')$$),
  ('unprotect_all', $$select count(*) from tenancy.unprotect_all('trap')$$);
create function pg_temp.story(what text, statement text) returns setof text language plpgsql as
$$
begin
  delete from trap.caught;
  execute statement;
  return next is((select count(*) from trap.caught where who = current_user), 0::bigint, what || ' runs nothing of the owner''s as the superuser');
end
$$;
select pg_temp.story(what, statement) from call;

-- The guard's mends, in a statement that runs nothing of the owner's by itself.
begin;
set local tenancy.guard = protect;
set local client_min_messages = warning;
alter table trap.child set (fillfactor = 90);
select is(pg_temp.caught(), 0::bigint, 'the guard mends a table and runs nothing of the owner''s as the superuser');
select is((select count(*) from tenancy.protected p where p.table_name = 'trap.child'::regclass), 1::bigint, 'and it is protected');
rollback;

-- What tenancy.check() prints, run as it stands.
begin;
select count(*) from tenancy.protect_all('trap');
alter table trap.child alter tenant_id drop not null;
create function pg_temp.mend(rule name, object text) returns setof text language plpgsql as
$$
declare
  f record;
begin
  for f in select c.* from tenancy.check(array[mend.rule]) c where c.object ~ mend.object loop
    delete from trap.caught;
    execute f.mend;
    return next is((select count(*) from trap.caught where who = current_user), 0::bigint, format('the mend of %s at %s runs nothing of the owner''s', mend.rule, f.object));
  end loop;
end
$$;
select pg_temp.mend('tenant_column_nullable', 'trap');
savepoint before;
select pg_temp.mend('foreign_key_without_tenant', 'trap');
select is((select count(*) from tests.findings('foreign_key_without_tenant') f where f.object ~ 'trap'), 0::bigint, 'and mends it');
rollback to before;
select pg_temp.mend('unique_without_tenant', 'parent_pkey');
rollback;

-- Where it fails, too.
insert into trap.child values (2, null, 1, 'another');
delete from trap.caught;
create function pg_temp.failed(statement text) returns text language plpgsql as
$$
begin
  execute statement;
  return '00000';
exception when others then
  return sqlstate;
end
$$;
-- What the failed call wrote is gone with it: a sequence is not.
create sequence pg_temp_witness;
grant usage on sequence pg_temp_witness to public;
select pg_temp.make($$create or replace function trap.note(what text) returns void language plpgsql volatile as 'begin if current_user <> ''shop_owner'' then perform nextval(''public.pg_temp_witness''); end if; end'$$);
select count(*) from trap.child where tenant_id is null;
select is(is_called, true, 'the witness remembers who is caught') from pg_temp_witness;
select setval('pg_temp_witness', 1, false);
select is(pg_temp.failed($$select count(*) from tenancy.protect('trap.child')$$), '23502', 'rows without a tenant stop protect');
select is(is_called, false, 'and counting them runs nothing as the superuser') from pg_temp_witness;
-- What the test itself does sets the witness off.
update trap.child set tenant_id = 2 where id = 2;
select setval('pg_temp_witness', 1, false);
select is(pg_temp.failed($$select count(*) from tenancy.protect_all('trap', keys => true)$$), '23503', 'rows of another tenant''s parent stop it');
select is(is_called, false, 'and counting them runs nothing either') from pg_temp_witness;

-- The owner's code cannot become the superuser again, as it could after SET ROLE.
select pg_temp.make($$create or replace function trap.note(what text) returns void language plpgsql volatile as 'begin reset role; perform nextval(''public.pg_temp_witness''); exception when others then null; end'$$);
delete from trap.child where id = 2;
begin;
set role shop_owner;
alter table trap.child alter column tenant_id set not null;
select is(current_user::text, 'postgres', 'SET ROLE alone would not do: the owner''s code resets it') where current_user <> 'shop_owner';
rollback;
select lives_ok($$select count(*) from tenancy.protect('trap.child')$$, 'in a restricted operation it cannot');
select is(current_user, session_user, 'and the superuser is himself again');

-- Settings that such code leaves behind are gone.
select lives_ok($$select tenancy.run_as_owner('trap.child', 'select set_config(''work_mem'', ''77MB'', false)')$$, 'a setting that the owner''s code makes');
select isnt(current_setting('work_mem'), '77MB', 'is gone with it');
select is(tests.sqlstate_of('owner', $$select tenancy.run_as_owner('pg_catalog.pg_class', 'select 1::bigint')$$), '42501', 'nobody runs a statement as an owner whose rights he has not');
select is(tenancy.run_as_owner('trap.child', $$select 'text'$$), null, 'an answer of another type is no answer');

-- Who owns something (a temporary table, made before) would have it run what the seal refuses.
select tests.open('tenant', 'shop_gateway');
select tests.tell('tenant', 'set role tenancy_user');
select tests.tell('tenant', 'create temporary table mine (id int)');
select is(tests.sqlstate_as('tenant', 'ann', $$select tenancy.run_as_owner('mine', 'lock table shop.patient in row share mode')$$), '25001', 'no tenant goes around the seal by it');
select tests.close('tenant');

set client_min_messages = warning;
drop schema trap cascade;
drop sequence pg_temp_witness;
select * from finish();
