-- What operators do across tenants. Each of these needs a reason and stands in tenancy.audit_log before it begins.

-- As tenancy_gateway has it: to become these roles, in a context. NOINHERIT keeps the rights from it before; and alone,
-- without a context, the roles see nothing.
grant tenancy_user, tenancy_admin to tenancy_operator;

create function tenancy.actor() returns text
  language c stable leakproof parallel safe as 'MODULE_PATHNAME', 'tenancy_actor';
comment on function tenancy.actor() is
  'who really acts in the current context: the login of an operator, else the user; for audit columns; NULL without a context';

create function tenancy.bypass(reason text) returns void
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_bypass';
comment on function tenancy.bypass(text) is
  'for operators: this transaction sees all tenants, to its end; on record in tenancy.audit_log; 22023 without a reason';

create function tenancy.act_as(user_id text, tenant text, reason text, read_only boolean default true) returns void
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_act_as';
comment on function tenancy.act_as(text, text, text, boolean) is
  'for operators: this transaction sees what a user sees in a tenant, read-only unless asked, to its end; on record in tenancy.audit_log';

create function tenancy.for_each_tenant(statement text, reason text, tenants text[] default null, role text default null)
  returns table (tenant_id text, rows bigint, sqlstate text, error text)
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_for_each_tenant';
comment on function tenancy.for_each_tenant(text, text, text[], text) is
  'for operators: runs one statement for each tenant of the directory, or of a list, as that tenant and in a subtransaction of its own; tells rows or error; on record in tenancy.audit_log';

create function tenancy.job_token(tenant text, user_id text, ttl interval, purpose text) returns text
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_job_token';
comment on function tenancy.job_token(text, text, interval, text) is
  'for operators: a token that attaches as a user in a tenant for up to 24 hours, for a worker; listed in tenancy.sessions, ended by tenancy.revoke(); on record in tenancy.audit_log';

revoke execute on function
  tenancy.actor(), tenancy.bypass(text), tenancy.act_as(text, text, text, boolean),
  tenancy.for_each_tenant(text, text, text[], text), tenancy.job_token(text, text, interval, text)
from public;
grant execute on function tenancy.actor() to public;
grant execute on function
  tenancy.bypass(text), tenancy.act_as(text, text, text, boolean), tenancy.for_each_tenant(text, text, text[], text),
  tenancy.job_token(text, text, interval, text)
to tenancy_operator;
-- Who is in a context already may try, and is told 25001 instead of a missing right.
grant execute on function tenancy.bypass(text), tenancy.act_as(text, text, text, boolean) to tenancy_user, tenancy_admin;
