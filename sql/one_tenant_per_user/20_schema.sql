-- The application's tables. Nothing in this file knows about tenancy: it is an ordinary schema
-- in which every row of a tenant carries the tenant's number.
--
-- Two habits make the schema itself safe for several tenants:
--   * a key that another table may refer to exists together with its tenant, as (tenant_id, id),
--     so a child can never point at another tenant's parent;
--   * numbers come from GENERATED ALWAYS identities, so nobody chooses or guesses the next one.

create schema app;
comment on schema app is 'The tables. People read them through the views of schema api.';

create table app.tenants (
    id           bigint  generated always as identity primary key,
    display_name text    not null check (display_name <> ''),
    is_admin     boolean not null default false
);
comment on table  app.tenants is 'The customers whose rows are kept apart.';
comment on column app.tenants.id is 'Number of the tenant; the tenant column of this table.';
comment on column app.tenants.display_name is 'Name shown to people.';
comment on column app.tenants.is_admin is 'The users of this tenant administer all tenants.';

create table app.users (
    id        bigint  generated always as identity primary key,
    tenant_id bigint  not null references app.tenants (id),
    user_name text    not null unique check (user_name <> ''),
    disabled  boolean not null default false,
    unique (tenant_id, id)
);
comment on table  app.users is 'The people who sign in. Each belongs to exactly one tenant.';
comment on column app.users.id is 'Number of the user.';
comment on column app.users.tenant_id is 'The tenant that the user belongs to.';
comment on column app.users.user_name is 'Name for signing in; unique over all tenants.';
comment on column app.users.disabled is 'A disabled user cannot sign in, and what is signed in ends with the next statement.';

create table app.credentials (
    user_id       bigint primary key references app.users (id) on delete cascade,
    password_hash text   not null
);
comment on table  app.credentials is 'Password hashes, apart from everything else and granted to nobody.';
comment on column app.credentials.user_id is 'The user whose password this is.';
comment on column app.credentials.password_hash is 'Made by tenancy.hash_password() or any bcrypt.';

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
