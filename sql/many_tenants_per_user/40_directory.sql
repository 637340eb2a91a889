-- The directory: two views that tell the extension who can sign in and where they belong, and a function for new hashes.
-- The extension uses them as their owner; nobody else gets a right to them.

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

-- Where a new hash goes: that of tenancy.change_password(), and at a sign-in that of a password whose hash is out of date.
create function app.set_password_hash(user_id bigint, hash text) returns void
    language sql
    set search_path = pg_catalog, pg_temp
begin atomic
    update app.credentials c
    set password_hash = set_password_hash.hash
    where c.user_id = set_password_hash.user_id;
end;
comment on function app.set_password_hash(bigint, text) is 'Directory of tenancy: stores a password hash.';
revoke execute on function app.set_password_hash(bigint, text) from public;

select tenancy.use_directory('app.accounts', 'app.memberships', 'app.set_password_hash(bigint, text)');
