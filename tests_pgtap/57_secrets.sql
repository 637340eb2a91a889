-- Attack: look for what nobody may see: hashes, tokens, other tenants' values in messages, statements of others.

select plan(25);
select tests.open('a', 'shop_gateway');
create temporary table secret as select tests.token('ann') as token, password_hash as hash from shop.account where user_name = 'ann';

-- ---------------------------------------------------------------- where a hash or a token could show
select tests.begin_as('a', 'ann');
select is(tests.sqlstate_inside('a', 'select password_hash from shop.account'), '42501', 'a tenant reads no password hash from the table');
select is(tests.sqlstate_inside('a', 'select password_hash from shop.accounts'), '42501', 'nor from the directory''s view');
select is(tests.sqlstate_inside('a', 'select token_hash from tenancy.session'), '42501', 'nor a token''s hash');
select is(tests.sqlstate_inside('a', 'select * from tenancy.directory'), '42501', 'nor where the directory is');
select doesnt_match(tests.tell('a', 'select tenancy.whoami()'), 'hash|token|\$2b\$', 'whoami tells none');
select is(tests.tell('a', 'select (tenancy.current_sign_in()).token'), null, 'nor does the sign-in of the context');
select tests.tell('a', 'rollback');
select tests.begin_as('a', 'eve');
select is(tests.sqlstate_inside('a', 'select password_hash from shop.accounts'), '42501', 'an admin reads no hash either');
select is(tests.sqlstate_inside('a', 'select token_hash from tenancy.session'), '42501', 'nor a session');
select tests.tell('a', 'rollback');
select is_empty($$select a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid where c.relname = 'session' and c.relnamespace = 'tenancy'::regnamespace
                    and a.attname in ('token', 'password', 'secret')$$, 'the session has no column for a token');
select is_empty($$select 1 from tenancy.session s, secret x where strpos(s::text, x.token) > 0$$, 'and holds none');

-- ---------------------------------------------------------------- messages
create temporary table told as
  select v.what, outcome.* from (values
    ('a wrong password', $$select (tenancy.login('ann', 'my-other-password')).token$$),
    ('a bad token',      $$select tenancy.attach('bad-token-of-somebody')$$),
    ('a token of 43 characters', $$select tenancy.attach('0123456789012345678901234567890123456789012')$$),
    ('a long password',  format('select (tenancy.login(%L, %L)).token', 'ann', repeat('my-other-password', 100)))
  ) as v (what, statement), lateral tests.try('a', v.statement) outcome;
select doesnt_match(concat(message, detail, hint), 'my-other-password|bad-token|0123456789|ann', 'the message about ' || what || ' repeats nothing of it') from told;
select doesnt_match(concat(message, detail, hint), '(?i)select |tenancy\.session\M|from ', 'and holds no SQL: ' || what) from told;

-- Of a row of another tenant that is in the way, nothing is told.
create table shop.unique_number (id int primary key, tenant_id bigint not null, number text unique, check (number <> 'forbidden'), exclude (number with =));
insert into shop.unique_number values (1, 2, 'secret of tenant 2');
select count(*) from tenancy.protect('shop.unique_number');
create temporary table collision as
  select v.what, outcome.code, concat(outcome.message, outcome.detail, outcome.hint) as text
    from (values ('a key',       $$insert into shop.unique_number values (1, 1, 'x')$$),
                 ('a value',     $$insert into shop.unique_number values (2, 1, 'secret of tenant 2')$$),
                 ('an upsert',   $$insert into shop.unique_number values (1, 1, 'x') on conflict (id) do update set number = 'y'$$),
                 ('a foreign row', $$insert into shop.unique_number values (3, 2, 'z')$$)) as v (what, statement),
         lateral (select tests.begin_as('a', 'ann')) b, lateral tests.try('a', v.statement) outcome, lateral (select tests.tell('a', 'rollback')) r;
select doesnt_match(text, 'secret of tenant|=\(|tenant_id\)', 'the message about ' || what || ' that is taken spells no value of the row') from collision;
select is(count(*) filter (where code in ('23505', '42501')), 4::bigint, 'though each was refused') from collision;
drop table shop.unique_number;

-- ---------------------------------------------------------------- statements of others
select tests.open('b', 'shop_gateway');
select tests.begin_as('b', 'bob');
select tests.tell('b', 'select count(*) from shop.patient where note = ''a question of bob''');
select tests.begin_as('a', 'ann');
select is(tests.sqlstate_inside('a', 'select query from pg_stat_activity'), '42501', 'a tenant reads nobody''s statements inside a context');
select tests.tell('a', 'rollback');
select tests.tell('a', 'set role tenancy_user');
select is(tests.tell('a', 'select count(*) from pg_stat_activity where query like ''%a question of '' || ''bob%'''), '0', 'nor as tenancy_user outside: other users'' text is hidden from it');
select tests.tell('a', 'reset role');
select tests.tell('b', 'rollback');

select * from finish();
