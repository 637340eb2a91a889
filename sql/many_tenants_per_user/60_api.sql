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

create view api.tenants with (security_invoker = true) as
select id,
       display_name as "displayName"
from app.tenants;
comment on view api.tenants is 'The tenant who asks; for an admin all of them.';

-- A user belongs to no tenant by itself, so no policy can say who may see it. This function is the one window to the
-- table of users: oneself, the colleagues of the chosen tenant, and for an admin everybody. It runs as the owner of the
-- tables, whom the policy of app.user_tenants holds as well.
create function app.visible_users() returns table (id bigint, user_name text, is_admin boolean)
    language sql stable
    security definer set search_path = pg_catalog, pg_temp
begin atomic
    select u.id, u.user_name, u.is_admin
    from app.users u
    where tenancy.bypassing()
       or u.id = tenancy.user_bigint()
       or exists (select from app.user_tenants m where m.user_id = u.id and m.tenant_id = tenancy.tenant_bigint());
end;
comment on function app.visible_users() is 'Oneself, the colleagues of the chosen tenant, and for an admin everybody.';
revoke execute on function app.visible_users() from public;
grant execute on function app.visible_users() to tenancy_user, tenancy_admin;

create view api.users with (security_invoker = true) as
select id,
       user_name as "userName",
       is_admin  as "isAdmin"
from app.visible_users();
comment on view api.users is 'Oneself and the colleagues of the chosen tenant.';

-- Rights are given by name. The rights to the tables below the views came with tenancy.protect().
grant usage on schema app, api to tenancy_user, tenancy_admin;
grant select, insert, update, delete on api.patients to tenancy_user, tenancy_admin;
grant select on api.users, api.tenants to tenancy_user, tenancy_admin;
