-- Attack: a login that may read or write every table (pg_read_all_data, pg_write_all_data, as backups and loaders have it)
-- reads secrets of the extension and writes sessions of its own making. Row security holds its tables, as it does the tenants'.

select plan(16);
select tests.open('gateway', 'shop_gateway');
create role tests_backup login in role pg_read_all_data, pg_write_all_data;
insert into tests.login (name) values ('tests_backup');
select format('alter role tests_backup password %L', password) from tests.login where name = 'tests_backup' \gexec
select tests.open('backup', 'tests_backup');
select tenancy.trust_issuer('https://issuer.example', jsonb_build_object('kty', 'oct', 'k', repeat('A', 64)), array['shop']);
select tests.tell('gateway', 'select (tenancy.login(''ann'', ''ann-secret'')).user_id');

select is(tests.tell('backup', 'select count(*) from tenancy.issuer_key'), '0', 'no secret of an issuer is read');
select is(tests.tell('backup', 'select count(*) from tenancy.session'), '0', 'nor a session');
select is(tests.tell('backup', 'select count(*) from tenancy.audit_log'), '0', 'nor the audit log');
select is(tests.sqlstate_of('backup', $$insert into tenancy.session (token_hash, user_id, expires_at)
    select sha256(convert_to(repeat('Z', 43), 'UTF8')), user_id::text, 'infinity' from shop.accounts where user_name = 'eve'$$), '42501', 'no session is written by hand');
select is(tests.sqlstate_of('gateway', $$select tenancy.attach(repeat('Z', 43))$$), '28000', 'so its token opens nothing');
select is(tests.tell('backup', 'update tenancy.session set revoked_at = null, expires_at = ''infinity'''), 'UPDATE 0', 'no session is prolonged');
select is(tests.tell('backup', 'delete from tenancy.session'), 'DELETE 0', 'none ended');
select is(tests.tell('backup', 'update tenancy.directory set accounts = memberships'), 'UPDATE 0', 'the directory stays');
select is(tests.sqlstate_of('backup', $$insert into tenancy.issuer_key (issuer, ordinal, algorithm, key) values ('https://issuer.example', 9, 'HS256', '{}')$$), '42501', 'no key is added to an issuer');
select is(tests.tell('backup', 'update tenancy.issuer set audience = ''{all}'''), 'UPDATE 0', 'nor an audience');
select is(tests.sqlstate_of('backup', $$insert into tenancy.suspension (tenant_id, reason) values ('1', 'x')$$), '42501', 'no tenant is suspended by hand');
select is(tests.tell('backup', 'delete from tenancy.sign_in_attempt'), 'DELETE 0', 'no failed sign-in is forgotten');
select is(tests.sqlstate_of('backup', $$insert into tenancy.acceptance (rule, object, reason, accepted_by) values ('rls_not_forced', 'shop.patient', 'x', 'x')$$), '42501', 'no finding is accepted by hand');

-- All of ours, also those made later; and who is granted one still reads it.
select is_empty($$select relname from pg_class where relnamespace = 'tenancy'::regnamespace and relkind = 'r' and not relrowsecurity$$,
  'every table of the extension has row security');
select tests.open('operator', 'shop_operator');
select is(tests.tell('operator', 'select count(*) > 0 from tenancy.rule'), 't', 'operators read the rules');
select tests.tell('operator', 'select tenancy.bypass(''a look'')');
select is(tests.tell('operator', 'select count(*) > 0 from tenancy.audit_log where reason = ''a look'''), 't', 'and the audit log');

select tenancy.distrust_issuer('https://issuer.example');
select tests.close('backup');
delete from tests.login where name = 'tests_backup';
drop role tests_backup;
select * from finish();
