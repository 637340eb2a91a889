-- What the guard measures against, read by `postgres --single -j`: a statement ends at a semicolon and an empty line.
-- Everything is fixed, also identifiers, times and the token: two databases made by this file behave alike.
create extension tenancy;

create table account (id bigint primary key, name text unique, hash text);

create table membership (user_id bigint, tenant_id bigint, primary key (user_id, tenant_id));

insert into account select n, 'user ' || n, '$2b$04$' || repeat('x', 53) from generate_series(1, 1000) n;

insert into membership select n, n % 100 + 1 from generate_series(1, 1000) n;

create view accounts as
  select id as user_id, name as user_name, hash as password_hash, false as is_admin, false as disabled from account;

create view memberships as select user_id, tenant_id, 'tenant ' || tenant_id as tenant_name from membership;

select tenancy.use_directory('accounts', 'memberships');

create table item (id bigint primary key, tenant_id bigint not null, note text);

insert into item select n, n % 100 + 1, 'note ' || n from generate_series(1, 10000) n;

select count(*) from tenancy.protect('item');

-- The token of a user's session is its number behind As. A last use in the future: no attach writes one.
insert into tenancy.session (id, token_hash, user_id, tenant_id, last_used_at, expires_at, password_fingerprint)
select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, sha256(convert_to(lpad(n::text, 43, 'A'), 'UTF8')),
       n::text, (n % 100 + 1)::text, '2100-01-01', '2100-01-01', sha256(convert_to('$2b$04$' || repeat('x', 53), 'UTF8'))
  from generate_series(1, 1000) n;

-- The key of the signed token in ./run: "a secret of the regression guard only, 42 by". It opens nothing but this.
select tenancy.trust_issuer('https://id.example/',
  '{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhlIHJlZ3Jlc3Npb24gZ3VhcmQgb25seSwgNDIgYnk"}', array['shop']);

vacuum (analyze);
