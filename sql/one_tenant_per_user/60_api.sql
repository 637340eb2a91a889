-- What the gateway shows: the views of schema api, with the names that the page uses.
-- security_invoker: the rights and policies of the person asking hold, not those of the view's owner.

create schema api;
comment on schema api is 'What the gateway shows: one view for each resource.';

create view api.patients with (security_invoker = true) as
select id,
       tenant_id  as "tenantId",
       first_name as "firstName",
       last_name  as "lastName",
       dob
from app.patients;
comment on view api.patients is 'The patients of the tenant who asks.';

create view api.users with (security_invoker = true) as
select id,
       tenant_id as "tenantId",
       user_name as "userName"
from app.users;
comment on view api.users is 'The users of the tenant who asks.';

create view api.tenants with (security_invoker = true) as
select id,
       display_name as "displayName",
       is_admin     as "isAdmin"
from app.tenants;
comment on view api.tenants is 'The tenant who asks; for an admin all of them.';

-- Rights are given by name. The rights to the tables below the views came with tenancy.protect().
grant usage on schema app, api to tenancy_user, tenancy_admin;
grant select, insert, update, delete on api.patients to tenancy_user, tenancy_admin;
grant select on api.users, api.tenants to tenancy_user, tenancy_admin;
