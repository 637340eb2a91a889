-- An application that was not made for this: people and workspaces with uuid ids, a tenant column of another name, roles in a
-- workspace, a lock instead of a flag. The README's and the docs' path from its tables to everybody's work.

select plan(34);
set client_min_messages = warning;
set role shop_owner;
create schema desk;
create table desk.people (id uuid primary key, email text not null unique, pw text, locked_at timestamptz, staff boolean not null default false);
create table desk.workspaces (id uuid primary key, name text not null);
create table desk.workspace_people (
  person uuid not null references desk.people, workspace uuid not null references desk.workspaces,
  role text not null, primary key (person, workspace)
);
create table desk.projects (id uuid primary key default gen_random_uuid(), workspace_id uuid not null references desk.workspaces, name text not null);
create table desk.tasks (
  id uuid primary key default gen_random_uuid(), workspace_id uuid not null references desk.workspaces,
  project_id uuid not null references desk.projects, title text not null
);
insert into desk.workspaces values ('a0000000-0000-4000-8000-000000000001', 'Anvil'), ('b0000000-0000-4000-8000-000000000002', 'Brook');
insert into desk.people (id, email, locked_at, staff)
select ('00000000-0000-4000-8000-00000000000' || n)::uuid, name || '@desk.example', case name when 'di' then now() end, name = 'sam'
  from (values (1, 'ada'), (2, 'bo'), (3, 'cy'), (4, 'di'), (5, 'sam')) v (n, name);
-- An old hash, of bcrypt; it is renewed at the first sign-in.
update desk.people set pw = case when email ~ '^ada' then crypt('secret of ' || email, gen_salt('bf', 4)) end;
insert into desk.workspace_people
select p.id, w.id, v.role from (values ('ada', 'Anvil', 'owner'), ('bo', 'Brook', 'owner'), ('cy', 'Anvil', 'viewer'), ('cy', 'Brook', 'editor'), ('di', 'Brook', 'owner')) v (name, workspace, role)
  join desk.people p on p.email ~ ('^' || v.name) join desk.workspaces w on w.name = v.workspace;
insert into desk.projects (workspace_id, name) select id, 'project of ' || name from desk.workspaces;
insert into desk.tasks (workspace_id, project_id, title) select workspace_id, id, 'task ' || n from desk.projects, generate_series(1, 3) n;
create view desk.accounts as
  select id as user_id, email as user_name, pw as password_hash, staff as is_admin, locked_at is not null as disabled from desk.people;
create view desk.memberships as
  select m.person as user_id, m.workspace as tenant_id, w.name as tenant_name, m.role from desk.workspace_people m join desk.workspaces w on w.id = m.workspace;
create function desk.set_pw(user_id uuid, hash text) returns void language sql set search_path = pg_catalog, pg_temp as 'update desk.people set pw = hash where id = user_id';
revoke execute on function desk.set_pw(uuid, text) from public;
grant usage on schema desk to tenancy_user, tenancy_admin;
reset role;
update desk.people set pw = tenancy.hash_password('secret of ' || email) where pw is null;

-- ---------------------------------------------------------------- the path
select tests.open('desk', 'shop_gateway');
select tests.open('desk owner', 'shop_owner');
select tests.open('operator', 'shop_operator');
create function pg_temp.owner(statement text) returns text language sql as $$ select tests.sqlstate_of('desk owner', statement) $$;
select is(pg_temp.owner($$select tenancy.use_directory('desk.accounts', 'desk.memberships', 'desk.set_pw(uuid, text)')$$), '00000', 'two views and a setter are the directory');
select is(pg_temp.owner($$select count(*) from tenancy.protect('desk.workspaces', 'id', access => 'read')$$), '00000', 'the workspaces are protected by their own id');
select is(pg_temp.owner($$select count(*) from tenancy.protect('desk.workspace_people', 'workspace', access => 'read')$$), '00000', 'the memberships by a column of another name');
select is(pg_temp.owner($$select count(*) from tenancy.protect_all('desk', 'workspace_id', keys => true)$$), '00000', 'and all the rest at once');
select is(pg_temp.owner($$select count(*) from tenancy.restrict('desk.tasks', 'write', array['owner', 'editor'])$$), '00000', 'a viewer shall not write');
select is_empty($$select severity, object, mend from tenancy.check() where object ~ 'desk' and accepted is null$$, 'the check finds nothing to mend');
select is((select tenancy.protect_all('desk', 'workspace_id', keys => true)::text ~ 'create' limit 1), false, 'the same call again has nothing to do');

-- ---------------------------------------------------------------- people
create function pg_temp.login(name text) returns text language sql as
$$ select tests.tell('desk', format('select token from tenancy.login(%L, %L)', name || '@desk.example', 'secret of ' || name || '@desk.example')) $$;
create function pg_temp.attach(token text, statement text, tenant text default null) returns text language plpgsql as
$$
declare
  answer record;
begin
  perform tests.tell('desk', 'begin');
  perform tests.tell('desk', case when tenant is null then format('select tenancy.attach(%L)', token) else format('select tenancy.attach(%L, %L)', token, tenant) end);
  begin
    answer := row(tests.tell('desk', statement));
  exception when others then
    answer := row(sqlstate);
  end;
  perform tests.tell('desk', 'rollback');
  return answer.f1;
end
$$;
create temporary table person as select name, pg_temp.login(name) as token from unnest(array['ada', 'bo', 'cy', 'sam']) name;
create function pg_temp.as(name text, statement text) returns text language sql as $$ select pg_temp.attach(token, statement) from person p where p.name = $1 $$;
create function pg_temp.change(person_name text, workspace uuid) returns void language sql as
$$ update person set token = tests.tell('desk', format('select token from tenancy.choose_tenant(%L, %L)', token, workspace)) where name = person_name $$;
select is((select left(pw, 3) from desk.people where email ~ '^ada'), '$y$', 'the old hash became a new one at sign-in');
select is((select code from tests.try('desk', $$select token from tenancy.login('di@desk.example', 'secret of di@desk.example')$$)), '28P01', 'who is locked cannot sign in');
select is(pg_temp.as('ada', 'select concat_ws(''|'', tenancy.user_uuid(), tenancy.tenant_uuid(), tenancy.role())'), '00000000-0000-4000-8000-000000000001|a0000000-0000-4000-8000-000000000001|owner', 'the context knows uuids and the role');
select is(pg_temp.as('ada', 'select concat_ws(''|'', count(*), min(p.name)) from desk.tasks t join desk.projects p on p.id = t.project_id'), '3|project of Anvil', 'ada sees her workspace, without a word of it in the query');
select is(pg_temp.as('bo', 'select string_agg(name, '','') from desk.workspaces'), 'Brook', 'and bo his');
select is(pg_temp.as('ada', 'select count(*) from desk.people'), '42501', 'the people are nobody''s to read');
select is(pg_temp.as('ada', $$insert into desk.tasks (project_id, title) select id, 'new' from desk.projects returning workspace_id$$), 'a0000000-0000-4000-8000-000000000001', 'an insert needs no tenant');
select is(pg_temp.as('ada', format('insert into desk.tasks (project_id, title) values (%L, ''x'')', id)), '23503', 'and reaches no project of others') from desk.projects where name = 'project of Brook';
select is(pg_temp.as('ada', $$update desk.tasks set workspace_id = 'b0000000-0000-4000-8000-000000000002' returning 1$$), '42501', 'nor gives a row away');
select is(pg_temp.as('cy', 'select count(*) from desk.tasks'), '42501', 'who is in two workspaces chooses first');
select pg_temp.change('cy', 'a0000000-0000-4000-8000-000000000001');
select is(pg_temp.as('cy', 'select count(*) from desk.tasks'), '3', 'and then sees the one');
select is(pg_temp.as('cy', $$insert into desk.tasks (project_id, title) select id, 'new' from desk.projects returning 1$$), '42501', 'in which a viewer does not write');
select pg_temp.change('cy', 'b0000000-0000-4000-8000-000000000002');
select is(pg_temp.as('cy', $$insert into desk.tasks (project_id, title) select id, 'new' from desk.projects returning 1$$), '1', 'as the same person does as an editor of the other');
select is((select code from tests.try('desk', format('select token from tenancy.choose_tenant(%L, %L)', token, tenant))), '42501', 'nobody chooses ' || what)
  from person, (values ('a workspace of others', 'b0000000-0000-4000-8000-000000000002'), ('one that is not there', 'c0000000-0000-4000-8000-000000000003')) v (what, tenant) where name = 'ada';
select is(pg_temp.as('sam', 'select count(distinct workspace_id) from desk.tasks'), '2', 'staff sees all');
select is(pg_temp.as('ada', 'select concat_ws(''|'', count(*), bool_and(is_current)) from tenancy.my_sessions()'), '1|t', 'ada sees her own session');

-- ---------------------------------------------------------------- operators, jobs, tokens from outside
select is(tests.tell('operator', $$select string_agg(concat_ws(' ', tenant_id, rows, sqlstate), ', ' order by tenant_id) from tenancy.for_each_tenant('delete from desk.tasks where title = ''task 3''', 'retention')$$),
  'a0000000-0000-4000-8000-000000000001 0, b0000000-0000-4000-8000-000000000002 0', 'a job has no role, so it deletes nothing where roles are asked for');
select is(tests.tell('operator', $$select string_agg(concat_ws(' ', tenant_id, rows, sqlstate), ', ' order by tenant_id) from tenancy.for_each_tenant('delete from desk.tasks where title = ''task 3''', 'retention', role => 'owner')$$),
  'a0000000-0000-4000-8000-000000000001 1, b0000000-0000-4000-8000-000000000002 1', 'a job runs for each workspace');
create temporary table job as select tests.tell('operator', $$select tenancy.job_token('a0000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000001', '1 h', 'mails')$$) as token;
select is((select pg_temp.attach(token, 'select count(*) from desk.tasks') from job), '2', 'a worker gets a token for one');
create function pg_temp.url(bytes bytea) returns text language sql as $$ select translate(encode(bytes, 'base64'), E'+/=\n', '-_') $$;
create function pg_temp.jwt(sub text, tenants text) returns text language sql as
$$
  select i || '.' || pg_temp.url(hmac(convert_to(i, 'UTF8'), 'a secret of the back-end, 32 bytes or more', 'sha256'))
    from (select pg_temp.url('{"alg":"HS256"}') || '.' || pg_temp.url(convert_to(format('{"iss":"https://desk.example","aud":"desk","sub":"%s","tenants":%s,"iat":%s,"exp":%s}', sub, tenants, extract(epoch from now())::bigint, 300 + extract(epoch from now())::bigint), 'UTF8'))) v (i)
$$;
select is(pg_temp.owner(format($$select tenancy.trust_issuer('https://desk.example', %L, array['desk'], tenant_claim => 'tenants')$$,
  jsonb_build_object('kty', 'oct', 'k', pg_temp.url('a secret of the back-end, 32 bytes or more')))), '00000', 'the back-end may sign tokens');
select is(pg_temp.attach(pg_temp.jwt('00000000-0000-4000-8000-000000000003', '["a0000000-0000-4000-8000-000000000001"]'), 'select concat_ws(''|'', tenancy.role(), count(*)) from desk.tasks'), 'viewer|2', 'one of them opens the workspace that it names');
select is(pg_temp.attach(pg_temp.jwt('00000000-0000-4000-8000-000000000003', '["a0000000-0000-4000-8000-000000000001","b0000000-0000-4000-8000-000000000002"]'), 'select tenancy.role()', 'b0000000-0000-4000-8000-000000000002'), 'editor', 'or of two the one that is asked for');
select is(tests.tell('operator', $$select tenancy.suspend('a0000000-0000-4000-8000-000000000001', 'unpaid')$$), 't', 'a workspace is suspended');
select is((select code from tests.try('desk', format('select tenancy.attach(%L)', token))), '42501', 'and closed to its people') from person where name = 'ada';
select is(tests.tell('operator', $$select tenancy.resume('a0000000-0000-4000-8000-000000000001')$$), 't', 'and resumed');
select is((select count(*) from tenancy.isolation_tests() t where t ~ '^not ok'), 0::bigint, 'the isolation suite is green');

-- ---------------------------------------------------------------- back to the shop
select tests.tell('desk owner', $$select tenancy.distrust_issuer('https://desk.example')$$);
select tests.close(c) from unnest(array['desk', 'desk owner', 'operator']) c;
select tenancy.use_directory('shop.accounts', 'shop.memberships');
drop schema desk cascade;
select * from finish();
