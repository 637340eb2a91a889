#include "db/self_check.hpp"

namespace gateway::db {

namespace {

// `reach` is every role the login can become, inherited or by SET ROLE. tenancy_user and tenancy_admin are reached on
// purpose, without inheritance: they may hold table rights (no context, no rows), but nothing more.
const Statement own_role{"self_check", R"(
with recursive reach(oid) as (
    select oid from pg_catalog.pg_roles where rolname = session_user
    union
    select m.roleid from pg_catalog.pg_auth_members m join reach on m.member = reach.oid
), role as (
    select r.*, r.rolname in ('tenancy_user', 'tenancy_admin') as intended
    from pg_catalog.pg_roles r join reach using (oid)
), exposed as (
    select c.oid, c.relowner, c.relname, n.nspname
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f')
), problem(what) as (
    select 'is or can become the superuser ' || quote_ident(rolname) from role where rolsuper
    union all
    select 'is or can become ' || quote_ident(rolname) || ', which has BYPASSRLS' from role where rolbypassrls and not rolsuper
    union all
    select 'is or can become ' || quote_ident(rolname) || ', which has CREATEROLE' from role where rolcreaterole and not rolsuper
    union all
    select 'is or can become ' || quote_ident(rolname) || ', which has REPLICATION' from role where rolreplication and not rolsuper
    union all
    select 'can become ' || rolname from role
    where rolname in ('pg_read_all_data', 'pg_write_all_data', 'pg_execute_server_program', 'pg_read_server_files',
                      'pg_write_server_files', 'pg_database_owner', 'pg_maintain', 'pg_create_subscription')
    union all
    select 'is or can become ' || quote_ident(rolname) || ', the owner of the database'
    from role join pg_catalog.pg_database d on d.datdba = role.oid
    where d.datname = current_database() and not rolsuper
    union all
    select 'is or can become ' || quote_ident(rolname) || ', the owner of schema ' || quote_ident(nspname)
    from role join pg_catalog.pg_namespace n on n.nspowner = role.oid where n.nspname = $1 and not rolsuper
    union all
    select 'is or can become ' || quote_ident(rolname) || ', the owner of ' || quote_ident(nspname) || '.' || quote_ident(relname)
    from role join exposed on exposed.relowner = role.oid where not rolsuper
    union all
    select 'has a right to ' || quote_ident(nspname) || '.' || quote_ident(relname) || ' as ' || quote_ident(rolname)
    from role cross join exposed
    where not rolsuper and not intended and exposed.relowner <> role.oid
      and (pg_catalog.has_table_privilege(role.oid, exposed.oid, 'select, insert, update, delete, truncate, references, trigger')
           or pg_catalog.has_any_column_privilege(role.oid, exposed.oid, 'select, insert, update, references'))
    union all
    select 'is not a member of tenancy_gateway (is the extension tenancy installed in this database?)'
    where not exists (select from role where rolname = 'tenancy_gateway')
)
select what from problem limit 20)"};

const Statement extension_version{"extension_version",
                                  "select extversion from pg_catalog.pg_extension where extname = 'tenancy'"};

// What the two roles may read in the exposed schema, and why row security would not hold there.
const Statement exposed_relations{"exposed_relations", R"(
select quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       case when c.relkind = 'm' then 'is a materialized view, which no policy guards'
            when c.relkind = 'f' then 'is a foreign table, which no policy guards'
            when c.relkind in ('r', 'p') and not c.relrowsecurity
                then 'has no row security; protect it with tenancy.protect'
            when c.relkind = 'v' and not invoker and (o.rolsuper or o.rolbypassrls)
                then 'reads with the rights of ' || quote_ident(o.rolname) || ', which row security does not bind; '
                  || 'make it security_invoker'
       end
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_roles o on o.oid = c.relowner
cross join lateral (
    select coalesce((select option_value::boolean from pg_catalog.pg_options_to_table(c.reloptions)
                     where option_name = 'security_invoker'), false)) as v(invoker)
where n.nspname = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and exists (select from pg_catalog.pg_roles r where r.rolname in ('tenancy_user', 'tenancy_admin')
              and (pg_catalog.has_table_privilege(r.oid, c.oid, 'select, insert, update, delete')
                   or pg_catalog.has_any_column_privilege(r.oid, c.oid, 'select, insert, update')))
order by 1)"};

} // namespace

std::vector<Finding> survey(Connection &connection, const std::string &schema) {
    std::vector<Finding> findings;
    const int version = connection.server_version();
    findings.push_back({true, "the database answers: PostgreSQL " + std::to_string(version / 10000) + "." +
                                  std::to_string(version % 10000)});
    if (const std::string old = old_server_warning(version); !old.empty()) findings.push_back({false, old});
    const Result extension = connection.run(extension_version);
    if (extension.rows() == 0) findings.push_back({false, "the extension tenancy is not installed in this database"});
    else findings.push_back({true, "the extension tenancy is there, version " + std::string(extension.text(0, 0))});
    const Result problems = connection.run(own_role, {schema});
    for (int row = 0; row < problems.rows(); ++row)
        findings.push_back({false, "the gateway's role " + std::string(problems.text(row, 0))});
    if (problems.rows() == 0) findings.push_back({true, "the gateway's role has no rights of its own"});
    const Result relations = connection.run(exposed_relations, {schema});
    if (relations.rows() == 0)
        findings.push_back({false, "schema " + schema + " has no relation that tenancy_user or tenancy_admin may use"});
    for (int row = 0; row < relations.rows(); ++row) {
        const std::string name(relations.text(row, 0));
        if (relations.is_null(row, 1)) findings.push_back({true, name + " is served"});
        else findings.push_back({false, name + " " + std::string(relations.text(row, 1))});
    }
    return findings;
}

void check_own_role(Connection &connection, const std::string &schema) {
    const Result problems = connection.run(own_role, {schema});
    if (problems.rows() == 0) return;
    std::string reason = "the gateway's database role must have no rights of its own, but it ";
    for (int row = 0; row < problems.rows(); ++row) {
        if (row > 0) reason += "; ";
        reason += problems.text(row, 0);
    }
    throw SelfCheckFailed(reason + ". Give it a role that is a member of tenancy_gateway only.");
}

std::string old_server_warning(int server_version) {
    if (server_version / 10000 != 15 || server_version >= 150020) return {};
    return "PostgreSQL 15." + std::to_string(server_version % 10000) +
           " has known faults that show rows behind row security; update to 15.20 or later";
}

} // namespace gateway::db
