-- Issuers of signed tokens (JWT) that tenancy.attach() believes, and their keys. Nobody is granted the tables: the secret
-- of an HS256 issuer makes tokens for everybody. src/issuer.cpp counts on the order of the columns.

create table tenancy.issuer (
  issuer text collate "C" not null constraint issuer_pkey primary key,
  audience text[] not null,
  audience_claim text not null,
  user_claim text not null,
  tenant_claim text,
  require_expiry boolean not null,
  leeway integer not null,
  trusted_at timestamptz not null default pg_catalog.clock_timestamp()
);
comment on table tenancy.issuer is 'issuers whose signed tokens tenancy.attach() takes; written by tenancy.trust_issuer()';
comment on column tenancy.issuer.issuer is 'the claim iss of its tokens, byte for byte';
comment on column tenancy.issuer.audience is 'a token must be for one of these';
comment on column tenancy.issuer.audience_claim is 'claim that names the audience, commonly aud';
comment on column tenancy.issuer.user_claim is 'claim that holds the user_id of the directory''s accounts view';
comment on column tenancy.issuer.tenant_claim is 'claim that holds the tenant_id or an array of them; NULL: the directory''s memberships alone decide';
comment on column tenancy.issuer.require_expiry is 'whether a token without exp is refused';
comment on column tenancy.issuer.leeway is 'seconds by which the issuer''s clock may differ from the server''s';
comment on column tenancy.issuer.trusted_at is 'when it was registered last';

create table tenancy.issuer_key (
  issuer text collate "C" not null
    constraint issuer_key_of_issuer references tenancy.issuer on update cascade on delete cascade,
  ordinal integer not null,
  kid text,
  algorithm text not null,
  key jsonb not null,
  constraint issuer_key_pkey primary key (issuer, ordinal)
);
comment on table tenancy.issuer_key is 'keys of the trusted issuers, several of one issuer while it rotates them';
comment on column tenancy.issuer_key.issuer is 'whose key it is; tokens of another issuer are never checked with it';
comment on column tenancy.issuer_key.ordinal is 'place in the issuer''s key set';
comment on column tenancy.issuer_key.kid is 'name of the key; NULL: for tokens of any kid';
comment on column tenancy.issuer_key.algorithm is 'the one algorithm the key is used with, whatever a token says';
comment on column tenancy.issuer_key.key is 'the key as JWK; for HS256 the secret itself';
revoke all on tenancy.issuer, tenancy.issuer_key from public;

-- A dump knows whom the database trusts, but never a secret: an HS256 issuer is registered again after a restore.
select pg_catalog.pg_extension_config_dump('tenancy.issuer', '');
select pg_catalog.pg_extension_config_dump('tenancy.issuer_key', 'where algorithm operator(pg_catalog.<>) ''HS256''');

create function tenancy.issuer_changed() returns trigger
  language c as 'MODULE_PATHNAME', 'tenancy_issuer_changed';
comment on function tenancy.issuer_changed() is 'internal: makes every session forget the keys it has read';
revoke execute on function tenancy.issuer_changed() from public;

create trigger issuer_changed
  after insert or update or delete or truncate on tenancy.issuer
  for each statement execute function tenancy.issuer_changed();
create trigger issuer_key_changed
  after insert or update or delete or truncate on tenancy.issuer_key
  for each statement execute function tenancy.issuer_changed();
comment on trigger issuer_changed on tenancy.issuer is 'internal: keys that are read are forgotten when an issuer changes';
comment on trigger issuer_key_changed on tenancy.issuer_key is 'internal: keys that are read are forgotten when one changes';
-- Also while a replica or a restore runs with session_replication_role = replica: stale keys are still believed.
alter table tenancy.issuer enable always trigger issuer_changed;
alter table tenancy.issuer_key enable always trigger issuer_key_changed;

create function tenancy.jwk_algorithm(jwk jsonb, algorithms text[]) returns text
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_jwk_algorithm';
comment on function tenancy.jwk_algorithm(jsonb, text[]) is
  'internal: the algorithm a key is for, NULL when it is none of these; 22023 for a key that is weak, broken or private';
revoke execute on function tenancy.jwk_algorithm(jsonb, text[]) from public;

create function tenancy.trust_issuer(
  issuer text,
  jwks jsonb,
  audience text[],
  user_claim text default 'sub',
  tenant_claim text default null,
  algorithms text[] default '{RS256,PS256,ES256,EdDSA,HS256}',
  audience_claim text default 'aud',
  require_expiry boolean default true,
  leeway interval default '30 seconds'
) returns integer
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
  most_keys constant integer := 16;
  jwk jsonb;
  its_algorithm text;
  taken integer := 0;
begin
  if trust_issuer.issuer is null or trust_issuer.issuer !~ '^[!-~]{1,255}$' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'an issuer is 1 to 255 characters of ASCII without blanks',
      hint = 'Write it exactly as the claim iss of its tokens, a final slash included.';
  end if;
  if coalesce(cardinality(trust_issuer.audience), 0) = 0
     or exists (select from unnest(trust_issuer.audience) a where a is null or length(a) not between 1 and 255) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'an issuer needs an audience',
      detail = 'Without one, a token that a user gave to some other application would open this database.',
      hint = 'Name what the tokens'' claim aud says of this application: array[''https://api.example.com''].';
  end if;
  if exists (select from unnest(array[user_claim, coalesce(tenant_claim, 'none'), audience_claim]) c
              where c is null or length(c) not between 1 and 255) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'the name of a claim has 1 to 255 characters';
  end if;
  if require_expiry is null or leeway is null or leeway not between interval '0' and interval '5 minutes' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'leeway must be between 0 and 5 minutes, and require_expiry true or false',
      hint = 'Set the clocks right: leeway also prolongs every token.';
  end if;
  if coalesce(cardinality(algorithms), 0) = 0 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'no algorithm is allowed',
      hint = 'Name some of RS256, PS256, ES256, EdDSA, HS256.';
  end if;
  if jwks ? 'kty' then
    jwks := jsonb_build_object('keys', jsonb_build_array(jwks));
  end if;
  if coalesce(jsonb_typeof(jwks -> 'keys'), '') <> 'array' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'jwks is neither a key nor a set of keys',
      hint = 'Give what the issuer serves at its jwks_uri: {"keys": [{"kty": …}, …]}.';
  end if;

  insert into tenancy.issuer as i (issuer, audience, audience_claim, user_claim, tenant_claim, require_expiry, leeway)
  values (trust_issuer.issuer, trust_issuer.audience, trust_issuer.audience_claim, trust_issuer.user_claim,
          trust_issuer.tenant_claim, trust_issuer.require_expiry, extract(epoch from trust_issuer.leeway)::integer)
  on conflict (issuer) do update
     set audience = excluded.audience, audience_claim = excluded.audience_claim, user_claim = excluded.user_claim,
         tenant_claim = excluded.tenant_claim, require_expiry = excluded.require_expiry, leeway = excluded.leeway,
         trusted_at = clock_timestamp();
  delete from tenancy.issuer_key k where k.issuer = trust_issuer.issuer;

  for jwk in select value from jsonb_array_elements(jwks -> 'keys') loop
    its_algorithm := tenancy.jwk_algorithm(jwk, algorithms);
    if its_algorithm is null then
      raise notice 'a key was left out: it is not for signatures of an allowed algorithm'
        using detail = format('kid %s, kty %s, alg %s, use %s', jwk -> 'kid', jwk -> 'kty', jwk -> 'alg', jwk -> 'use');
      continue;
    end if;
    taken := taken + 1;
    if taken > most_keys then
      raise exception using
        errcode = 'program_limit_exceeded',
        message = format('an issuer has at most %s keys', most_keys),
        hint = 'Leave out those that sign no longer.';
    end if;
    if jsonb_typeof(jwk -> 'kid') <> 'string' or length(jwk ->> 'kid') not between 1 and 255 then
      raise exception using
        errcode = 'invalid_parameter_value',
        message = 'the kid of a key is a string of 1 to 255 characters';
    end if;
    -- Only what the key is made of: certificates and the like would be kept for nothing.
    insert into tenancy.issuer_key (issuer, ordinal, kid, algorithm, key)
    select trust_issuer.issuer, taken, jwk ->> 'kid', its_algorithm, jsonb_object_agg(m.key, m.value)
      from jsonb_each(jwk) m where m.key in ('kty', 'crv', 'n', 'e', 'x', 'y', 'k');
  end loop;
  if taken = 0 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'jwks has no key that could check a signature',
      hint = 'It needs a key of an allowed algorithm; see algorithms.';
  end if;
  perform tenancy.audit('trust_issuer', null, null, null, jsonb_build_object(
    'issuer', trust_issuer.issuer, 'audience', trust_issuer.audience,
    'keys', (select jsonb_agg(jsonb_build_object('kid', k.kid, 'alg', k.algorithm) order by k.ordinal)
               from tenancy.issuer_key k where k.issuer = trust_issuer.issuer)));
  return taken;
end
$function$;
comment on function tenancy.trust_issuer(text, jsonb, text[], text, text, text[], text, boolean, interval) is
  'lets tenancy.attach() take the tokens that this issuer signs with these keys; called again, it replaces all of that; returns the number of keys';

create function tenancy.distrust_issuer(issuer text) returns boolean
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
begin
  delete from tenancy.issuer i where i.issuer = distrust_issuer.issuer;
  if not found then
    return false;
  end if;
  perform tenancy.audit('distrust_issuer', null, null, null, jsonb_build_object('issuer', distrust_issuer.issuer));
  return true;
end
$function$;
comment on function tenancy.distrust_issuer(text) is
  'refuses the issuer''s tokens from the next transaction on; false when it was not trusted';

create function tenancy.trusted_issuers() returns table (
  issuer text,
  audience text[],
  audience_claim text,
  user_claim text,
  tenant_claim text,
  require_expiry boolean,
  leeway interval,
  keys jsonb,
  trusted_at timestamptz
)
  language sql stable parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
  select i.issuer, i.audience, i.audience_claim, i.user_claim, i.tenant_claim, i.require_expiry,
         make_interval(secs => i.leeway),
         (select coalesce(jsonb_agg(jsonb_build_object('kid', k.kid, 'alg', k.algorithm) order by k.ordinal), '[]')
            from tenancy.issuer_key k where k.issuer = i.issuer),
         i.trusted_at
    from tenancy.issuer i order by i.issuer
$function$;
comment on function tenancy.trusted_issuers() is
  'the trusted issuers, with kid and algorithm of their keys; the keys themselves are not shown';

revoke execute on function
  tenancy.trust_issuer(text, jsonb, text[], text, text, text[], text, boolean, interval),
  tenancy.distrust_issuer(text), tenancy.trusted_issuers()
from public;
grant execute on function
  tenancy.trust_issuer(text, jsonb, text[], text, text, text[], text, boolean, interval),
  tenancy.distrust_issuer(text), tenancy.trusted_issuers()
to pg_database_owner;
grant execute on function tenancy.trusted_issuers() to tenancy_operator;

create function tenancy.attach(token text, tenant text) returns void
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_attach';
comment on function tenancy.attach(text, text) is
  'the same for a signed token whose holder has several tenants: 42501 unless both the token and the directory name this one';
revoke execute on function tenancy.attach(text, text) from public;
grant execute on function tenancy.attach(text, text) to tenancy_gateway, tenancy_user, tenancy_admin;
