\echo Use "ALTER EXTENSION tenancy UPDATE TO '0.2.0'" to load this file. \quit

-- As cheap as a constant: a policy leaves the planner at the plan of a hand-written WHERE.
alter function tenancy.tenant_id() cost 1e-30;
alter function tenancy.tenant_bigint() cost 1e-30;
alter function tenancy.tenant_uuid() cost 1e-30;
alter function tenancy.user_id() cost 1e-30;
alter function tenancy.user_bigint() cost 1e-30;
alter function tenancy.user_uuid() cost 1e-30;
alter function tenancy.bypassing() cost 1e-30;
alter function tenancy.session_id() cost 1e-30;
