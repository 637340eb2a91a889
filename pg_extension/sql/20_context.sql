-- The readers of the context. They tell the current transaction's own context and nothing else, so everybody may
-- call them: a policy calls them as whoever runs the query. LEAKPROOF and STABLE make the policy an index condition.

create function tenancy.tenant_id() returns text
  language c stable leakproof parallel safe cost 1e-30 as 'MODULE_PATHNAME', 'tenancy_tenant_id';
comment on function tenancy.tenant_id() is 'tenant of the current context as text';

create function tenancy.tenant_bigint() returns bigint
  language c stable leakproof parallel safe cost 1e-30 as 'MODULE_PATHNAME', 'tenancy_tenant_bigint';
comment on function tenancy.tenant_bigint() is 'tenant of the current context as bigint, for policies and defaults';

create function tenancy.tenant_uuid() returns uuid
  language c stable leakproof parallel safe cost 1e-30 as 'MODULE_PATHNAME', 'tenancy_tenant_uuid';
comment on function tenancy.tenant_uuid() is 'tenant of the current context as uuid, for policies and defaults';

create function tenancy.user_id() returns text
  language c stable leakproof parallel safe cost 1e-30 as 'MODULE_PATHNAME', 'tenancy_user_id';
comment on function tenancy.user_id() is 'user of the current context as text';

create function tenancy.user_bigint() returns bigint
  language c stable leakproof parallel safe cost 1e-30 as 'MODULE_PATHNAME', 'tenancy_user_bigint';
comment on function tenancy.user_bigint() is 'user of the current context as bigint';

create function tenancy.user_uuid() returns uuid
  language c stable leakproof parallel safe cost 1e-30 as 'MODULE_PATHNAME', 'tenancy_user_uuid';
comment on function tenancy.user_uuid() is 'user of the current context as uuid';

create function tenancy.bypassing() returns boolean
  language c stable leakproof parallel safe cost 1e-30 as 'MODULE_PATHNAME', 'tenancy_bypassing';
comment on function tenancy.bypassing() is 'whether the current context may see all tenants; false without a context';

create function tenancy.session_id() returns uuid
  language c stable leakproof parallel safe cost 1e-30 as 'MODULE_PATHNAME', 'tenancy_session_id';
comment on function tenancy.session_id() is 'session of the current context; NULL without one';

revoke execute on all functions in schema tenancy from public;
grant execute on function
  tenancy.tenant_id(), tenancy.tenant_bigint(), tenancy.tenant_uuid(),
  tenancy.user_id(), tenancy.user_bigint(), tenancy.user_uuid(),
  tenancy.bypassing(), tenancy.session_id()
to public;
