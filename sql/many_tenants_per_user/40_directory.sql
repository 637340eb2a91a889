-- The directory: two views that tell the extension who can sign in and where they belong.
-- The extension reads them as their owner; nobody else gets a right to them.

create view app.accounts as
select u.id as user_id,
       u.user_name,
       c.password_hash,
       u.is_admin,
       u.disabled
from app.users u
join app.credentials c on c.user_id = u.id;
comment on view app.accounts is 'Directory of tenancy: who can sign in.';

create view app.memberships as
select m.user_id,
       m.tenant_id,
       t.display_name as tenant_name
from app.user_tenants m
join app.tenants t on t.id = m.tenant_id;
comment on view app.memberships is 'Directory of tenancy: which user belongs to which tenants.';

select tenancy.use_directory('app.accounts', 'app.memberships');
