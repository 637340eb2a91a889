-- For admins: all tenants at a glance. The numbers of users and patients are those of a bypass context.

create view api.tenant_overview with (security_invoker = true) as
select t.id,
       t.display_name          as "displayName",
       s.tenant_id is not null as suspended,
       s.suspended_at          as "suspendedAt",
       s.reason                as "suspensionReason",
       (select count(*) from app.user_tenants m where m.tenant_id = t.id) as users,
       (select count(*) from app.patients p where p.tenant_id = t.id)     as patients,
       coalesce(c.sessions, 0)                                            as sessions
from app.tenants t
left join tenancy.suspensions s on s.tenant_id = t.id::text
left join tenancy.session_counts() c on c.tenant_id = t.id::text;
comment on view api.tenant_overview is 'For admins: all tenants, whether they are suspended, and how much there is of each.';
comment on column api.tenant_overview.suspended is 'Whether everybody is kept out of it.';
comment on column api.tenant_overview."suspendedAt" is 'Since when.';
comment on column api.tenant_overview."suspensionReason" is 'Why; its users are not told.';
comment on column api.tenant_overview.users is 'How many users belong to it.';
comment on column api.tenant_overview.patients is 'How many patients belong to it.';
comment on column api.tenant_overview.sessions is 'How many live sessions have chosen it.';
