-- The application's tables. A user may belong to several tenants: which ones, says app.user_tenants. Nothing in this file
-- knows about tenancy. The two habits of the other demo hold here too: a key that another table may refer to exists
-- together with its tenant, and numbers come from GENERATED ALWAYS identities.

create schema app;
comment on schema app is 'The tables. People read them through the views of schema api.';

create table app.tenants (
    id           bigint generated always as identity primary key,
    display_name text   not null check (display_name <> '')
);
comment on table  app.tenants is 'The customers whose rows are kept apart.';
comment on column app.tenants.id is 'Number of the tenant; the tenant column of this table.';
comment on column app.tenants.display_name is 'Name shown to people.';

create table app.users (
    id        bigint  generated always as identity primary key,
    user_name text    not null unique check (user_name <> ''),
    is_admin  boolean not null default false,
    disabled  boolean not null default false
);
comment on table  app.users is 'The people who sign in. They belong to no tenant by themselves, so this table is granted to nobody.';
comment on column app.users.id is 'Number of the user.';
comment on column app.users.user_name is 'Name for signing in.';
comment on column app.users.is_admin is 'An admin administers all tenants.';
comment on column app.users.disabled is 'A disabled user cannot sign in, and what is signed in ends with the next statement.';

create table app.credentials (
    user_id       bigint primary key references app.users (id) on delete cascade,
    password_hash text   not null
);
comment on table  app.credentials is 'Password hashes, apart from everything else and granted to nobody.';
comment on column app.credentials.user_id is 'The user whose password this is.';
comment on column app.credentials.password_hash is 'Made by tenancy.hash_password() or any bcrypt.';

create table app.user_tenants (
    id        bigint generated always as identity primary key,
    tenant_id bigint not null references app.tenants (id) on delete cascade,
    user_id   bigint not null references app.users (id) on delete cascade,
    unique (tenant_id, user_id)
);
create index user_tenants_user_id_idx on app.user_tenants (user_id);
comment on table  app.user_tenants is 'Memberships: which user belongs to which tenant.';
comment on column app.user_tenants.id is 'Number of the membership.';
comment on column app.user_tenants.tenant_id is 'The tenant.';
comment on column app.user_tenants.user_id is 'The user who belongs to it.';

create table app.patients (
    id         bigint generated always as identity primary key,
    tenant_id  bigint not null references app.tenants (id),
    first_name text   not null check (char_length(first_name) between 1 and 100),
    last_name  text   not null check (char_length(last_name) between 1 and 100),
    dob        date   not null check (dob >= date '1850-01-01'),
    unique (tenant_id, id)
);
comment on table  app.patients is 'The rows that must not be mixed up: each patient belongs to one tenant.';
comment on column app.patients.id is 'Number of the patient.';
comment on column app.patients.tenant_id is 'The tenant that the patient belongs to.';
comment on column app.patients.first_name is 'First name.';
comment on column app.patients.last_name is 'Last name.';
comment on column app.patients.dob is 'Date of birth.';
