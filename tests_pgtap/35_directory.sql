-- The directory: two views of the application, asked as their owner and nobody else.

select plan(42);
select tests.open('owner', 'shop_owner');
select tests.open('gateway', 'shop_gateway');
select tests.open('a', 'shop_gateway');
create schema crooked;
grant all on schema crooked to shop_owner, shop_reporting;

create function pg_temp.register(connection text, accounts text, memberships text) returns text language sql as
$$ select tests.sqlstate_of(connection, format('select tenancy.use_directory(%L, %L)', accounts, memberships)) $$;

-- ---------------------------------------------------------------- what is no directory
select is(pg_temp.register('owner', 'shop.accounts', 'shop.memberships'), '00000', 'the owner of the database registers its views');
select is(pg_temp.register('owner', null, 'shop.memberships'), '22004', 'NULL is no view');
select is(pg_temp.register('owner', 'shop.accounts', null), '22004', 'in neither place');
select is(pg_temp.register('owner', 'shop.nothing', 'shop.memberships'), '42P01', 'a view must be there');
select is(pg_temp.register('owner', 'shop.account', 'shop.memberships'), '42809', 'a table is no view');
select is(pg_temp.register('owner', 'shop.memberships', 'shop.accounts'), '42703', 'the two are not taken for each other');

create function pg_temp.register_accounts(query text) returns text language plpgsql as
$$
begin
  perform pg_temp.register('owner', 'shop.accounts', 'shop.memberships');
  perform tests.tell('owner', 'drop view if exists crooked.accounts');
  perform tests.tell('owner', 'create view crooked.accounts as ' || query);
  return pg_temp.register('owner', 'crooked.accounts', 'shop.memberships');
end
$$;
select is(pg_temp.register_accounts('select user_id, user_name, is_admin from shop.accounts'), '42703', 'password_hash must be there');
select is(pg_temp.register_accounts('select user_id, user_name, password_hash from shop.accounts'), '42703', 'is_admin must');
select is(pg_temp.register_accounts('select user_id, user_name::bytea, password_hash, is_admin from shop.accounts'), '42804', 'user_name is text');
select is(pg_temp.register_accounts('select user_id, user_name, password_hash, is_admin::text from shop.accounts'), '42804', 'is_admin is boolean');
select is(pg_temp.register_accounts('select user_id, user_name, password_hash, is_admin, disabled::int from shop.accounts'), '42804', 'so is disabled, when there is one');
select is(pg_temp.register_accounts('select user_id::numeric, user_name, password_hash, is_admin from shop.accounts'), '42804', 'user_id is none of the types');
select is(pg_temp.register_accounts('select user_id::int, user_name::varchar(40), password_hash::varchar, is_admin from shop.accounts'), '00000',
  'integer and varchar will do, and disabled may be left out');
select is(pg_temp.register_accounts('select user_id, user_name, password_hash, is_admin from shop.accounts where 1 / (user_id - user_id) = 1'), '22012',
  'views that cannot be read are refused when they are registered');
select is(tests.tell('gateway', $$select tenant_id from tenancy.login('ann', 'ann-secret')$$), '1', 'a refused directory leaves the one before');

select tests.tell('owner', 'create view crooked.memberships as select user_id, tenant_id::numeric as tenant_id, tenant_name from shop.memberships');
select is(pg_temp.register('owner', 'shop.accounts', 'crooked.memberships'), '42804', 'tenant_id is none of the types');

-- ---------------------------------------------------------------- whose it is
select tests.open('reporting', 'shop_reporting');
select is(pg_temp.register('reporting', 'shop.accounts', 'shop.memberships'), '42501', 'who does not own the database registers nothing');
select is(pg_temp.register('gateway', 'shop.accounts', 'shop.memberships'), '42501', 'the gateway neither');
create view crooked.foreign_accounts as select * from shop.accounts;
select is(pg_temp.register('owner', 'crooked.foreign_accounts', 'shop.memberships'), '42501', 'the owner of the database cannot use a superuser''s view for its eyes');
create view crooked.foreign_memberships as select * from shop.memberships;
select throws_ok($$select tenancy.use_directory('shop.accounts', 'crooked.foreign_memberships')$$, '42P17', null, 'two owners are refused, for superusers too');

-- A function hidden in a view has its owner's rights and no more.
select tests.tell('owner', $$create function crooked.spy() returns boolean language plpgsql as $f$
  begin
    perform rolpassword from pg_authid;
    return true;
  end $f$ $$);
select is(pg_temp.register_accounts('select user_id, user_name, password_hash, is_admin from shop.accounts where crooked.spy()'), '42501',
  'a function in the view reads no catalog of superusers');
select tests.tell('owner', $$create or replace function crooked.spy() returns boolean language plpgsql as $f$
  begin
    if current_user <> 'shop_owner' then raise exception 'not the owner'; end if;
    return true;
  end $f$ $$);
select is(pg_temp.register_accounts('select user_id, user_name, password_hash, is_admin, disabled from shop.accounts where crooked.spy()'), '00000', 'it runs as the views'' owner');
select tests.tell('owner', $$create or replace function crooked.spy() returns boolean language plpgsql as $f$
  begin
    set role tenancy_admin;
    return false;
  end $f$ $$);
select is(tests.sqlstate_of('gateway', $$select (tenancy.login('ann', 'ann-secret')).token$$), '42501', 'and cannot become another role');
select tests.tell('owner', $$create or replace function crooked.spy() returns boolean language plpgsql as $f$
  begin
    create temporary table left_behind (x int);
    return false;
  end $f$ $$);
select is(tests.sqlstate_of('gateway', $$select (tenancy.login('ann', 'ann-secret')).token$$), '42501', 'or leave a temporary table in the gateway''s connection');
-- Settings that it changes are put back: while the questions are being asked, and while they are being planned.
select tests.tell('owner', $$create or replace function crooked.spy() returns boolean language plpgsql volatile as $f$
  begin
    perform set_config('work_mem', '77MB', false), set_config('search_path', 'crooked', false);
    return true;
  end $f$ $$);
select is(tests.tell('gateway', $$select user_name from tenancy.login('ann', 'ann-secret')$$), 'ann', 'it may change a setting');
select is(tests.tell('gateway', $$select current_setting('work_mem') || current_setting('search_path')$$), '4MB"$user", public', 'for itself: the gateway''s connection has what it had');
select tests.tell('owner', $$create or replace function crooked.spy() returns boolean language plpgsql immutable as $f$
  begin
    perform set_config('work_mem', '77MB', false), set_config('search_path', 'crooked', false);
    return true;
  end $f$ $$);
select is(tests.tell('gateway', $$select user_name from tenancy.login('ann', 'ann-secret')$$), 'ann', 'an immutable one runs when the question is planned');
select is(tests.tell('gateway', $$select current_setting('work_mem') || current_setting('search_path')$$), '4MB"$user", public', 'and leaves nothing behind either');
select is(pg_temp.register('owner', 'shop.accounts', 'shop.memberships'), '00000', 'the true directory is back');

-- ---------------------------------------------------------------- a search_path that leads astray
select tests.tell('owner', $$create function crooked.equal(text, text) returns boolean language sql as $f$ select $1 operator(pg_catalog.=) 'ann' $f$ $$);
select tests.tell('owner', $$create operator crooked.= (leftarg = text, rightarg = text, function = crooked.equal)$$);
select tests.open('b', 'shop_gateway', '-c search_path=crooked,pg_catalog');
grant usage on schema crooked to public;
select is(tests.sqlstate_of('b', $$select (tenancy.login('nobody', 'ann-secret')).token$$), '28P01', 'an operator = of the caller''s search_path does not make every name ann''s');
select is(tests.tell('b', format('select tenancy.logout(%L)', repeat('A', 43))), 'f', 'nor every token');
revoke usage on schema crooked from public;

-- ---------------------------------------------------------------- views over protected tables
select is((select relforcerowsecurity from pg_class where oid = 'shop.tenant'::regclass), true, 'the directory''s view reads a table whose owner is held by row security');
select is(tests.tell('gateway', $$select tenants from tenancy.login('bob', 'bob-secret')$$), '[{"id": "2", "name": "tenant 2", "role": "member"}]', 'and it works');
select is(tests.sqlstate_of('owner', 'select * from shop.memberships'), '42501', 'for the extension alone: the owner himself is refused without a context');

-- ---------------------------------------------------------------- changes reach other connections
create temporary table held as select tests.token('ann') as token;
select is((select tests.sqlstate_of('a', format('select tenancy.attach(%L)', token)) from held), '00000', 'a connection has the directory''s queries prepared');
select tests.tell('owner', 'create or replace view crooked.nobody as select * from shop.accounts where false');
select tests.tell('owner', $$select tenancy.use_directory('crooked.nobody', 'shop.memberships')$$);
select is((select tests.sqlstate_of('a', format('select tenancy.attach(%L)', token)) from held), '28000', 'another directory is asked from its next transaction on');
select tests.tell('owner', 'create or replace view crooked.nobody as select * from shop.accounts');
select is((select tests.sqlstate_of('a', format('select tenancy.attach(%L)', token)) from held), '00000', 'a view that is replaced is noticed');
select tests.tell('owner', 'drop view crooked.nobody');
select is((select tests.sqlstate_of('a', format('select tenancy.attach(%L)', token)) from held), '42P01', 'one that is dropped ends all access, with the reason');
delete from tenancy.directory;
select is((select tests.sqlstate_of('a', format('select tenancy.attach(%L)', token)) from held), '55000', 'no directory, no access');
select is(tests.sqlstate_of('gateway', $$select (tenancy.login('ann', 'ann-secret')).token$$), '55000', 'and no sign-in');
select is(pg_temp.register('owner', 'shop.accounts', 'shop.memberships'), '00000', 'registered again');
select is((select tests.sqlstate_of('a', format('select tenancy.attach(%L)', token)) from held), '00000', 'sessions live on');

set client_min_messages = warning;
drop schema crooked cascade;
select * from finish();
