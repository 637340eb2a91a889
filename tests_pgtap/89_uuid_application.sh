#!/usr/bin/env bash
#
# An application as somebody brings it: tables and a tenant column of other names, uuid ids, bcrypt hashes of its own, an
# owner who is no superuser. It walks the way of README.md and docs/using.md from the directory to signed tokens, in a
# cluster of its own.

set -u
# shellcheck source=setup/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/tap.sh"
# shellcheck source=setup/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/cluster.sh"
start_cluster -c shared_preload_libraries=tenancy || give_up "the cluster did not start: $(cat "$cluster/log")"
ask() { psql -X -q -A -t -v VERBOSITY=default "$@" 2>&1 | sed '/^$/d'; }
as() { # LOGIN ARGUMENTS OF psql…
    local login=$1
    shift
    PGUSER=$login PGPASSWORD=$login ask "$@"
}
attached() { # TOKEN STATEMENT…: in one transaction of the application
    local token=$1 statement
    local -a commands=()
    shift
    for statement in "$@"; do commands+=(-c "$statement"); done
    as planner_app -v "ON_ERROR_STOP=1" -c begin -c "select tenancy.attach('$token')" "${commands[@]}" -c commit
}
sign_in() { as planner_app -c "select token from tenancy.login('$1@example.com', 'secret', '{\"address\": \"192.0.2.1\"}')"; }
workspace() { printf 'a0000000-0000-4000-8000-00000000000%s' "$1"; }
person() { printf 'b0000000-0000-4000-8000-00000000000%s' "$1"; }
has_role="(select string_agg(code, ',' order by code) from planner.projects) || ' ' || coalesce(tenancy.role(), 'no role')"

# ---------------------------------------------------------------- the application, before it knows of tenants' walls
ask <<'SQL'
create role planner_owner login password 'planner_owner';
create database planner owner planner_owner template template0;
revoke connect on database postgres, template1 from public;
SQL
export PGDATABASE=planner
ask -c 'create extension tenancy' -c "create role planner_app login password 'planner_app' in role tenancy_gateway" \
    -c "create role planner_support login password 'planner_support' in role tenancy_operator"
as planner_owner -v ON_ERROR_STOP=1 <<'SQL'
create schema planner;
create table planner.people (id uuid primary key default gen_random_uuid(), email text not null unique, full_name text not null,
  pw text not null, locked_at timestamptz, staff boolean not null default false);
create table planner.workspaces (id uuid primary key default gen_random_uuid(), name text not null);
create table planner.workspace_people (person_id uuid not null references planner.people on delete cascade,
  workspace_id uuid not null references planner.workspaces on delete cascade, role text not null, primary key (workspace_id, person_id));
create table planner.projects (id uuid primary key default gen_random_uuid(), workspace_id uuid not null references planner.workspaces,
  code text not null unique, name text not null);
create table planner.tasks (id uuid primary key default gen_random_uuid(), workspace_id uuid not null references planner.workspaces,
  project_id uuid not null references planner.projects on delete cascade, title text not null, assignee_id uuid references planner.people);
create table planner.comments (id uuid primary key default gen_random_uuid(), task_id uuid not null references planner.tasks on delete cascade,
  author_id uuid not null references planner.people, body text not null);
insert into planner.workspaces select format('a0000000-0000-4000-8000-00000000000%s', n)::uuid, name
  from unnest(array['Acme', 'Beta', 'Cargo']) with ordinality w (name, n);
insert into planner.people (id, email, full_name, pw, locked_at, staff)
select format('b0000000-0000-4000-8000-00000000000%s', n)::uuid, name || '@Example.com', name,
       '$2b$04$cpY1zpEwAZ4bEEUC3dCxlOCVaFne5YpkEKe4CMR1GG/z5U8KnjSpK', case name when 'eve' then now() end, name = 'sam'
  from unnest(array['ann', 'bob', 'cid', 'dee', 'eve', 'sam']) with ordinality p (name, n);
insert into planner.workspace_people (person_id, workspace_id, role)
select format('b0000000-0000-4000-8000-00000000000%s', p)::uuid, format('a0000000-0000-4000-8000-00000000000%s', w)::uuid, role
  from (values (1, 1, 'owner'), (2, 1, 'viewer'), (3, 1, 'editor'), (3, 2, 'viewer'), (4, 3, 'owner'), (5, 3, 'editor')) m (p, w, role);
insert into planner.projects (workspace_id, code, name) select id, left(name, 1) || '-1', name from planner.workspaces;
insert into planner.tasks (workspace_id, project_id, title, assignee_id)
select p.workspace_id, p.id, 'task of ' || p.name, (select person_id from planner.workspace_people m where m.workspace_id = p.workspace_id order by 1 limit 1)
  from planner.projects p;
insert into planner.comments (task_id, author_id, body) select id, assignee_id, 'on ' || title from planner.tasks;
create view planner.accounts as
  select id as user_id, lower(email) as user_name, pw as password_hash, locked_at as disabled_at, staff as is_admin from planner.people;
create view planner.memberships as
  select m.person_id as user_id, w.id as tenant_id, w.name as tenant_name, m.role
    from planner.workspace_people m join planner.workspaces w on w.id = m.workspace_id;
create function planner.set_pw(user_id uuid, hash text) returns void language sql set search_path = pg_catalog, pg_temp
  as 'update planner.people set pw = hash where id = user_id';
revoke execute on function planner.set_pw(uuid, text) from public;
SQL

# ---------------------------------------------------------------- directory
use="select tenancy.use_directory('planner.accounts', 'planner.memberships', 'planner.set_pw(uuid, text)')"
like "$(as planner_owner -c "$use")" 'WARNING:  the directory does not ask for column disabled_at of view planner\.accounts' \
    'a column under a name that nobody asks for draws a warning: locked people could sign in'
is "$(as planner_owner -c 'drop view planner.accounts' -c "create view planner.accounts as select id as user_id, lower(email) as user_name,
    pw as password_hash, locked_at is not null as disabled, staff as is_admin from planner.people" -c "$use")" '' 'the right names draw none'

# ---------------------------------------------------------------- protection
as planner_owner -v ON_ERROR_STOP=1 -o /dev/null <<'SQL'
alter table planner.comments add workspace_id uuid references planner.workspaces;
update planner.comments c set workspace_id = t.workspace_id from planner.tasks t where t.id = c.task_id;
alter table planner.tasks drop constraint tasks_assignee_id_fkey,
  add foreign key (workspace_id, assignee_id) references planner.workspace_people (workspace_id, person_id);
alter table planner.comments drop constraint comments_author_id_fkey,
  add foreign key (workspace_id, author_id) references planner.workspace_people (workspace_id, person_id);
grant usage on schema planner to tenancy_user, tenancy_admin;
select step from tenancy.protect('planner.workspaces', 'id', access => 'read');
select step from tenancy.protect('planner.workspace_people', 'workspace_id', access => 'read');
select step from tenancy.protect_all('planner', 'workspace_id', keys => true);
select r.step from unnest('{planner.projects,planner.tasks,planner.comments}'::regclass[]) t, tenancy.restrict(t, 'write', array['owner', 'editor']) r;
create function planner.colleagues() returns table (id uuid, full_name text)
  language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select p.id, p.full_name from planner.people p
   where exists (select from planner.workspace_people m where m.person_id = p.id and m.workspace_id = tenancy.tenant_uuid());
end;
revoke execute on function planner.colleagues() from public;
grant execute on function planner.colleagues() to tenancy_user;
create schema api;
grant usage on schema api to tenancy_user, tenancy_admin;
create view api.projects with (security_invoker = true) as select id, code, name from planner.projects;
grant select, insert, update, delete on api.projects to tenancy_user, tenancy_admin;
SQL
is "$(as planner_owner -c "select string_agg(step, ' / ') from tenancy.protect_all('planner', 'workspace_id', keys => true)")" \
    'left: no column workspace_id / nothing to do' 'once more there is nothing to do; the table of people is left'
ask -o /dev/null -c 'select from tenancy.harden(apply => true)'
is "$(ask -c 'select severity, rule, object from tenancy.check()')" '' 'tenancy.check() prints nothing'
is "$(as planner_owner -c "select line from tenancy.isolation_tests('planner', '$(workspace 1)', '$(workspace 2)') line where line ~ '^not ok'")" '' \
    'the isolation tests pass between two of its own tenants'

# ---------------------------------------------------------------- people
like "$(ask -c "select pw from planner.people where full_name = 'ann'")" '^.2b.' 'a hash of bcrypt'
ann=$(sign_in ann)
like "$(ask -c "select pw from planner.people where full_name = 'ann'")" '^.y.j9T.' 'is yescrypt after the first sign-in'
like "$(sign_in eve)" 'wrong user name or password' 'eve, who is locked, cannot sign in'
is "$(attached "$ann" "select $has_role")" 'A-1 owner' 'ann sees the projects of her workspace'
is "$(attached "$ann" "insert into planner.projects (code, name) values ('B-1', 'x') returning workspace_id")" "$(workspace 1)" \
    'adds one without naming it, under a code that another workspace has'
is "$(attached "$ann" 'select string_agg(full_name, $$,$$ order by full_name) from planner.colleagues()')" 'ann,bob,cid' 'and knows her colleagues'
like "$(attached "$ann" 'select * from planner.people')" 'permission denied for table people' 'not everybody'
is "$(attached "$ann" 'select count(*) from api.projects')" 2 'a view shows the same rows'
is "$(attached "$ann" 'select is_current from tenancy.my_sessions()')" t 'she sees her sessions'
bob=$(sign_in bob)
like "$(attached "$bob" "insert into planner.tasks (project_id, title) select id, 'x' from planner.projects limit 1")" 'tenancy_restrict_insert' 'a viewer writes nothing'
is "$(as planner_app -c "select tenancy.attach('$bob')" -c 'select count(*) from planner.tasks' | grep -c 'HINT:  This transaction has no tenant context.')" 1 \
    'without BEGIN a hint says what is missing'

cid=$(sign_in cid)
like "$(attached "$cid" 'select count(*) from planner.tasks')" 'no tenant chosen in this session' 'who is in two workspaces must choose'
answer=$(as planner_app -c "select tenancy.choose_tenant('$cid', 'Beta')")
like "$answer" 'HINT:  Give an identifier as the directory' 'a name is no identifier'
is "$(grep -c planner <<<"$answer")" 0 'and the error shows no text of a question to the directory'
cid=$(as planner_app -c "select token from tenancy.choose_tenant('$cid', upper('$(workspace 2)'))")
is "$(attached "$cid" "select $has_role")" 'B-1 viewer' 'in the second workspace the role is another one'

# ---------------------------------------------------------------- operators
operate() { as planner_support -c begin -c "$1" -c "$2" -c rollback; }
is "$(operate "select tenancy.bypass('ticket 1')" 'select count(distinct workspace_id) from planner.tasks')" 3 'an operator with a reason sees all workspaces'
is "$(operate "select tenancy.act_as('$(person 3)', '$(workspace 1)', 'ticket 2')" "select $has_role")" 'A-1,B-1 editor' 'acts as a person in one'
like "$(operate "select tenancy.act_as('cid@example.com', '$(workspace 1)', 'ticket 2')" 'select 1')" 'HINT:  Give an identifier' 'named by id'
is "$(as planner_support -c "select count(*) || ' ' || sum(rows) from tenancy.for_each_tenant('update planner.tasks set title = title', 'nightly', role => 'editor')" | grep -v NOTICE)" \
    '3 3' 'a job writes in each workspace'
job=$(as planner_support -c "select tenancy.job_token('$(workspace 1)', '$(person 3)', '1 h', 'mails')")
is "$(attached "$job" "select $has_role")" 'A-1,B-1 editor' 'a worker has a token of its own'

# ---------------------------------------------------------------- tokens of the application's own back-end
url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
secret=0123456789abcdef0123456789abcdef
as planner_owner -o /dev/null -v jwk="{\"kty\":\"oct\",\"k\":\"$(printf %s "$secret" | url)\"}" <<'SQL'
select tenancy.trust_issuer('https://planner.example.com', :'jwk', array['database'], tenant_claim => 'workspace', algorithms => array['HS256']);
SQL
signed() { # USER TENANTS
    local text
    text=$(printf '{"alg":"HS256"}' | url).$(printf '{"iss":"https://planner.example.com","aud":"database","sub":"%s","workspace":%s,"exp":%s}' \
        "$1" "$2" "$(($(date +%s) + 300))" | url)
    printf '%s.%s' "$text" "$(printf %s "$text" | openssl dgst -sha256 -hmac "$secret" -binary | url)"
}
is "$(attached "$(signed "$(person 3)" "\"$(workspace 2)\"")" "select $has_role")" 'B-1 viewer' 'its token opens the workspace that it names'
like "$(attached "$(signed "$(person 3)" "\"$(workspace 3)\"")" 'select 1')" 'token is not valid' 'no workspace of others'
both=$(signed "$(person 3)" "[\"$(workspace 1)\",\"$(workspace 2)\"]")
like "$(attached "$both" 'select count(*) from planner.tasks')" 'with a signed token call tenancy\.attach\(token, tenant\)' 'one for two workspaces is told how to choose'
is "$(as planner_app -c begin -c "select tenancy.attach('$both', '$(workspace 1)')" -c "select $has_role")" 'A-1,B-1 editor' 'and chooses so'

# ---------------------------------------------------------------- the end of access
is "$(as planner_support -c "select tenancy.suspend('$(workspace 2)', 'not paid')")" t 'a workspace is suspended'
like "$(attached "$cid" 'select 1')" 'this tenant is suspended' 'from the next transaction on'
is "$(as planner_support -c "select tenancy.resume('$(workspace 2)')" -c "select tenancy.revoke_all(user_id => '$(person 3)')")" $'t\n2' 'resumed; all sessions of a person are ended'
like "$(attached "$cid" 'select 1')" 'session is not valid' 'those of this one'

finish
