-- Signed tokens of trusted issuers: who may trust whom, which tokens open what, and what forgers get. The tokens here
-- are made with a shared secret in SQL; 81_token_algorithms.sh makes those of the other algorithms with openssl.

select plan(149);
select tests.open('gateway', 'shop_gateway');
select tests.open('owner', 'shop_owner');
select tests.open('operator', 'shop_operator');
select tests.open('stranger', 'shop_stranger');

-- ---------------------------------------------------------------- making tokens
create function pg_temp.url(bytes bytea) returns text language sql as
$$ select translate(encode(bytes, 'base64'), E'+/=\n', '-_') $$;
create function pg_temp.seal(header text, payload text, secret text) returns text language sql as
$$
  select input || '.' || pg_temp.url(hmac(convert_to(input, 'UTF8'), convert_to(secret, 'UTF8'), 'sha256'))
    from (select pg_temp.url(convert_to(header, 'UTF8')) || '.' || pg_temp.url(convert_to(payload, 'UTF8'))) i (input)
$$;
create function pg_temp.key(secret text, kid text default null) returns jsonb language sql as
$$ select jsonb_strip_nulls(jsonb_build_object('kty', 'oct', 'k', pg_temp.url(convert_to(secret, 'UTF8')), 'kid', kid)) $$;
create function pg_temp.ago(seconds integer) returns bigint language sql as
$$ select floor(extract(epoch from clock_timestamp()))::bigint - seconds $$;
create function pg_temp.id(name text) returns bigint language sql as
$$ select min(id) from shop.account where user_name = name $$;
create function pg_temp.claims(more jsonb default '{}') returns jsonb language sql as
$$ select jsonb_build_object('iss', 'https://id.example/', 'aud', 'shop', 'sub', pg_temp.id('ann'), 'exp', pg_temp.ago(-3600)) || more $$;
create temporary table secret as select 'a secret only the issuer knows, of 42 bytes' as ours, 'a secret that somebody else has, 41 bytes' as other;
-- A token of ann's with some claims changed.
create function pg_temp.token(more jsonb default '{}', header text default '{"alg":"HS256","typ":"JWT"}') returns text language sql as
$$ select pg_temp.seal(header, pg_temp.claims(more)::text, ours) from secret $$;
create function pg_temp.token_of(name text, more jsonb default '{}') returns text language sql as
$$ select pg_temp.token(jsonb_build_object('sub', pg_temp.id(name)) || more) $$;

create function pg_temp.attach(token text, tenant text default null) returns text language sql as
$$ select tests.sqlstate_of('gateway', format(case when tenant is null then 'select tenancy.attach(%L)' else 'select tenancy.attach(%L, %L)' end, token, tenant)) $$;
-- What one statement answers in a transaction that the token opens.
create function pg_temp.tell(token text, statement text, tenant text default null) returns text language plpgsql as
$$
declare
  answer text;
begin
  perform tests.tell('gateway', 'begin');
  perform tests.tell('gateway', format('select tenancy.attach(%L, %L)', token, tenant));
  answer := tests.tell('gateway', statement);
  perform tests.tell('gateway', 'commit');
  return answer;
exception when others then
  perform tests.tell('gateway', 'rollback');
  raise;
end
$$;
create function pg_temp.trust(arguments text) returns text language sql as
$$ select tests.sqlstate_of('owner', format('select tenancy.trust_issuer(%s)', arguments)) $$;

-- ---------------------------------------------------------------- who may trust whom
create temporary table good as
  select format('%L, %L, array[%L]', 'https://id.example/', pg_temp.key(ours), 'shop') as arguments from secret;
select is(pg_temp.attach(pg_temp.token()), '28000', 'a token of an issuer that nobody trusts is refused');
select is((select tests.sqlstate_of(c, format('select tenancy.trust_issuer(%s)', arguments)) from good), '42501', c || ' trusts nobody')
  from (values ('gateway'), ('operator'), ('stranger')) v (c);
select is(tests.sqlstate_of(c, $$select tenancy.distrust_issuer('x')$$), '42501', c || ' distrusts nobody') from (values ('gateway'), ('operator'), ('stranger')) v (c);
select is(tests.sqlstate_of(c, 'select issuer from tenancy.trusted_issuers()'), '42501', c || ' does not see who is trusted') from (values ('gateway'), ('stranger')) v (c);
select is((select pg_temp.trust(arguments) from good), '00000', 'the owner of the database trusts an issuer');
select is(tests.tell('operator', 'select concat_ws(''|'', issuer, audience, audience_claim, user_claim, tenant_claim, require_expiry, leeway, keys) from tenancy.trusted_issuers()'),
  'https://id.example/|{shop}|aud|sub|t|00:00:30|[{"alg": "HS256", "kid": null}]', 'an operator sees it, with its keys'' names');
select is((select tests.tell('owner', format('select count(*) from tenancy.trusted_issuers() t where t::text like %L or t::text like %L', '%' || ours || '%', '%' || (pg_temp.key(ours) ->> 'k') || '%')) from secret),
  '0', 'the secret is not among it');
select is(tests.sqlstate_of('owner', 'select key from tenancy.issuer_key'), '42501', 'and the owner who gave it cannot read it back');
select is((select tests.sqlstate_of('owner', format('select tenancy.jwk_algorithm(%L, %L)', pg_temp.key(ours), '{HS256}')) from secret), '42501', 'nor try keys out');

-- ---------------------------------------------------------------- bad arguments
select is(pg_temp.trust(arguments), state, what || ' is refused') from secret, lateral (values
  ('an issuer that is NULL', format('null, %L, array[''a'']', pg_temp.key(ours)), '22023'),
  ('an empty issuer', format(''''', %L, array[''a'']', pg_temp.key(ours)), '22023'),
  ('an issuer of 10 kB', format('repeat(''x'', 10240), %L, array[''a'']', pg_temp.key(ours)), '22023'),
  ('an issuer with a blank', format('''a b'', %L, array[''a'']', pg_temp.key(ours)), '22023'),
  ('an issuer beyond ASCII', format('''http://é'', %L, array[''a'']', pg_temp.key(ours)), '22023'),
  ('no audience', format('''i'', %L, null', pg_temp.key(ours)), '22023'),
  ('an empty audience', format('''i'', %L, ''{}''', pg_temp.key(ours)), '22023'),
  ('an audience of NULL', format('''i'', %L, ''{null}''', pg_temp.key(ours)), '22023'),
  ('an audience of the empty text', format('''i'', %L, array['''']', pg_temp.key(ours)), '22023'),
  ('no user claim', format('''i'', %L, array[''a''], null', pg_temp.key(ours)), '22023'),
  ('an empty tenant claim', format('''i'', %L, array[''a''], tenant_claim => ''''', pg_temp.key(ours)), '22023'),
  ('no algorithm', format('''i'', %L, array[''a''], algorithms => ''{}''', pg_temp.key(ours)), '22023'),
  ('the algorithm none', format('''i'', %L, array[''a''], algorithms => ''{HS256,none}''', pg_temp.key(ours)), '22023'),
  ('an algorithm that is NULL', format('''i'', %L, array[''a''], algorithms => ''{null}''', pg_temp.key(ours)), '22023'),
  ('an hour of leeway', format('''i'', %L, array[''a''], leeway => ''1 hour''', pg_temp.key(ours)), '22023'),
  ('a negative leeway', format('''i'', %L, array[''a''], leeway => ''-1 second''', pg_temp.key(ours)), '22023'),
  ('an expiry of NULL', format('''i'', %L, array[''a''], require_expiry => null', pg_temp.key(ours)), '22023'),
  ('a key set of NULL', '''i'', null, array[''a'']', '22023'),
  ('an empty key set', '''i'', ''{"keys": []}'', array[''a'']', '22023'),
  ('something else than keys', '''i'', ''[1]'', array[''a'']', '22023'),
  ('keys that are no objects', '''i'', ''{"keys": [1]}'', array[''a'']', '22023'),
  ('a key for encryption alone', '''i'', ''{"kty": "RSA", "alg": "RSA-OAEP", "use": "enc", "n": "AQAB", "e": "AQAB"}'', array[''a'']', '22023'),
  ('a secret of 31 bytes', format('''i'', %L, array[''a'']', pg_temp.key(repeat('x', 31))), '22023'),
  ('an RSA key of 1024 bits', format('''i'', %L, array[''a'']', jsonb_build_object('kty', 'RSA', 'e', 'AQAB', 'n', rpad('', 171, '_'))), '22023'),
  ('a secret where HS256 is not allowed', format('''i'', %L, array[''a''], algorithms => ''{RS256}''', pg_temp.key(ours)), '22023'),
  ('a kid of 10 kB', format('''i'', %L, array[''a'']', pg_temp.key(ours, repeat('k', 10240))), '22023'),
  ('seventeen keys', format('''i'', %L, array[''a'']', jsonb_build_object('keys', (select jsonb_agg(pg_temp.key(ours, n::text)) from generate_series(1, 17) n))), '54000')
) as v (what, arguments, state);
select is((select count(*) from tenancy.issuer), 1::bigint, 'none of these left anything behind');
select is(position('c2VjcmV0' in (t.message || coalesce(t.detail, '') || coalesce(t.hint, ''))), 0, 'a refused secret is not repeated in the error')
  from tests.try('owner', $$select tenancy.trust_issuer('i', '{"kty":"oct","k":"c2VjcmV0"}', array['a'])$$) t;

-- ---------------------------------------------------------------- what a token opens
select is(pg_temp.attach(pg_temp.token()), '00000', 'a signed token attaches');
select is(pg_temp.tell(pg_temp.token(), 'select concat_ws(''|'', count(*), min(tenant_id), max(tenant_id)) from shop.patient'), '5|1|1', 'its holder sees the rows of the one tenant the directory gives');
select is(pg_temp.tell(pg_temp.token(), 'select tenancy.role()'), 'member', 'with the role that the directory gives her there');
select is(pg_temp.tell(pg_temp.token_of('cyd'), 'select tenancy.role()', '3'), 'member', 'also in a tenant that is named');
select is(pg_temp.tell(pg_temp.token(), 'select current_user'), 'tenancy_user', 'as tenancy_user');
select is(pg_temp.tell(pg_temp.token(), $$select concat_ws('|', w ->> 'user_name', w ->> 'tenant_name', w ->> 'bypass', coalesce(w ->> 'session_id', 'no session'), coalesce(w ->> 'expires_at', 'no end')) from tenancy.whoami() w$$),
  'ann|tenant 1|false|no session|no end', 'whoami tells who it is, and that there is no session');
select is(tests.tell('gateway', 'show tenancy.user_id'), '', 'with the transaction the context ends');
select is(pg_temp.attach(pg_temp.token(jsonb_build_object('sub', pg_temp.id('ann')::text, 'aud', jsonb_build_array('x', 'shop'), 'nbf', pg_temp.ago(0), 'iat', pg_temp.ago(0)))), '00000',
  'a user as a string, several audiences and all dates are fine');
select is(pg_temp.tell(pg_temp.token_of('eve'), 'select concat_ws(''|'', current_user, tenancy.bypassing(), count(distinct tenant_id)) from shop.patient'), 'tenancy_admin|t|300', 'an admin sees all');
create temporary table eves as select pg_temp.token_of('eve') as token;
select pg_temp.attach(token) from eves, generate_series(1, 3);
select is((select count(*) from tenancy.audit_log l, eves where l.action = 'admin_bypass' and l.session_id is not null and left(l.session_id::text, 8) = left(encode(sha256(convert_to(token, 'UTF8')), 'hex'), 8)),
  1::bigint, 'which is on record once for a token');
select is((select concat_ws('|', user_id, login, detail) from tenancy.audit_log where action = 'admin_bypass' order by id desc limit 1), pg_temp.id('eve') || '|shop_gateway|{"issuer": "https://id.example/"}', 'with user, login and issuer');
select is(pg_temp.tell(pg_temp.token_of('eve'), 'select concat_ws(''|'', current_user, tenancy.bypassing(), count(distinct tenant_id)) from shop.patient', '2'), 'tenancy_user|f|1', 'or one tenant, when named');
select is(pg_temp.attach(pg_temp.token_of('eve'), '299'), '42501', 'but none without members');
select is(tests.sqlstate_of('gateway', format('begin; select tenancy.attach(%L); select tenancy.attach(%L)', pg_temp.token(), pg_temp.token())), '25001', 'a second attach is refused');
select tests.tell('gateway', 'rollback');

-- ---------------------------------------------------------------- several tenants
select is(pg_temp.tell(pg_temp.token_of('cyd'), 'select coalesce(current_setting(''tenancy.tenant_id''), '''')'), '', 'who has several tenants has none at first');
select is(tests.sqlstate_of('gateway', format('begin; select tenancy.attach(%L); select count(*) from shop.patient', pg_temp.token_of('cyd'))), '42501', 'and sees nothing');
select tests.tell('gateway', 'rollback');
select is(pg_temp.tell(pg_temp.token_of('cyd'), 'select distinct tenant_id from shop.patient', '3'), '3', 'attach(token, tenant) chooses one');
select is(pg_temp.attach(pg_temp.token_of('cyd'), tenant), '42501', format('but not %L', left(tenant, 10))) from (values ('2'), ('999999'), ('03'), (' 3'), ('3.0'), ('garbage'), (''), (repeat('3', 10240))) v (tenant);
select is(pg_temp.attach(tests.token('cyd'), '3'), '0A000', 'a session keeps its tenant, it is not named in attach');
select is((select tests.tell('gateway', format('begin; select tenancy.attach(%L, null)', tests.token('ann')))), '', 'NULL names none');
select tests.tell('gateway', 'commit');
select is(tests.sqlstate_of('gateway', format('select (tenancy.choose_tenant(%L, %L)).user_id', pg_temp.token_of('cyd'), '3')), '0A000', 'choose_tenant has no session to keep the choice in');
select is(tests.tell('gateway', format('select tenancy.logout(%L)', pg_temp.token())), 'f', 'nor logout one to end');

-- With a claim of tenants: the token opens no more than it names, and no more than the directory gives.
select is((select pg_temp.trust(arguments || ', tenant_claim => ''/app_metadata/tenants''') from good), '00000', 'the issuer''s tokens name tenants from now on');
create function pg_temp.with_tenants(name text, tenants jsonb) returns text language sql as
$$ select pg_temp.token_of(name, jsonb_build_object('app_metadata', jsonb_build_object('tenants', tenants))) $$;
select is(pg_temp.tell(pg_temp.with_tenants('cyd', tenants), 'select distinct tenant_id from shop.patient'), '3', tenants::text || ' is the one tenant') from (values ('3'::jsonb), ('"3"'), ('[3]')) v (tenants);
select is(pg_temp.tell(pg_temp.with_tenants('cyd', '["3", 7]'), 'select current_setting(''tenancy.tenant_id'')'), '', 'of several none is chosen');
select is(pg_temp.tell(pg_temp.with_tenants('cyd', '["3", 7]'), 'select distinct tenant_id from shop.patient', '7'), '7', 'until it is named');
select is(pg_temp.attach(pg_temp.with_tenants('cyd', '["3", 7]'), '1'), '42501', 'a membership that the token does not name is not enough');
select is(pg_temp.attach(pg_temp.with_tenants('cyd', '[2, 3]'), '2'), '42501', 'nor a name without a membership');
select is(pg_temp.attach(pg_temp.with_tenants('cyd', '2')), '28000', 'also as the only one');
select is(pg_temp.attach(pg_temp.with_tenants('cyd', '"03"')), '28000', 'a tenant has one spelling');
select is(pg_temp.tell(pg_temp.token_of('ann'), 'select current_setting(''tenancy.tenant_id'')'), '', 'a token that names none opens none, though the directory has one');
select is(pg_temp.tell(pg_temp.token_of('eve'), 'select concat_ws(''|'', current_user, tenancy.bypassing())'), 'tenancy_user|f', 'nor does an admin see all with it');
select is(pg_temp.tell(pg_temp.with_tenants('eve', '2'), 'select concat_ws(''|'', tenancy.bypassing(), count(*)) from shop.patient'), 'f|5', 'but the tenant it names');
select is((select pg_temp.trust(arguments) from good), '00000', 'without the claim the directory alone decides again');

-- ---------------------------------------------------------------- freshness
update shop.account set disabled = true where user_name = 'ann';
select is(pg_temp.attach(pg_temp.token()), '28000', 'a disabled account is refused at once');
update shop.account set disabled = false where user_name = 'ann';
select is(pg_temp.tell(pg_temp.token_of('cyd'), 'select tenancy.tenant_id()', '7'), '7', 'a membership opens its tenant');
delete from shop.membership where user_id = pg_temp.id('cyd') and tenant_id = 7;
select is(pg_temp.attach(pg_temp.token_of('cyd'), '7'), '42501', 'and no longer when it is removed');
insert into shop.membership (user_id, tenant_id) values (pg_temp.id('cyd'), 7);
select tenancy.suspend('1', 'unpaid');
select is(pg_temp.attach(pg_temp.token()), '42501', 'a suspended tenant is closed to signed tokens too');
select is(pg_temp.attach(pg_temp.token_of('cyd'), '1'), '42501', 'also when it is named');
select is(pg_temp.attach(pg_temp.token_of('cyd'), '3'), '00000', 'the others are not');
select tenancy.resume('1');
select is(pg_temp.attach(pg_temp.token()), '00000', 'then it is open again');

-- ---------------------------------------------------------------- rotation
create function pg_temp.keys(variadic keys jsonb[]) returns text language sql as
$$ select pg_temp.trust(format('%L, %L, array[%L]', 'https://id.example/', jsonb_build_object('keys', keys), 'shop')) $$;
create function pg_temp.signed_with(kid text, secret text) returns text language sql as
$$ select pg_temp.seal(format('{"alg":"HS256","kid":"%s"}', kid), pg_temp.claims()::text, secret) $$;
select is(pg_temp.keys(pg_temp.key(ours, 'old'), pg_temp.key(other, 'new')), '00000', 'two keys at once') from secret;
select is(concat_ws('|', pg_temp.attach(pg_temp.signed_with('old', ours)), pg_temp.attach(pg_temp.signed_with('new', other)), pg_temp.attach(pg_temp.signed_with('old', other)), pg_temp.attach(pg_temp.signed_with('gone', ours))),
  '00000|00000|28000|28000', 'each is good under its own kid') from secret;
select is(pg_temp.keys(pg_temp.key(other, 'new')), '00000', 'the old one goes') from secret;
select is(concat_ws('|', pg_temp.attach(pg_temp.signed_with('old', ours)), pg_temp.attach(pg_temp.signed_with('new', other))), '28000|00000', 'and signs no more, in a session that has used it') from secret;
begin;
select tenancy.trust_issuer('https://id.example/', pg_temp.key(ours, 'old'), array['shop']) from secret;
rollback;
select is(concat_ws('|', pg_temp.attach(pg_temp.signed_with('old', ours)), pg_temp.attach(pg_temp.signed_with('new', other))), '28000|00000', 'a change that is rolled back is none') from secret;
select tests.open('root', 'shop_root');
select tests.tell('root', 'begin');
select tests.tell('root', format('select tenancy.trust_issuer(%L, %L, array[%L])', 'https://id.example/', pg_temp.key(ours, 'mine'), 'shop')) from secret;
select tests.tell('root', 'savepoint s');
select is(tests.sqlstate_of('root', format('select tenancy.attach(%L)', pg_temp.signed_with('mine', ours))), '00000', 'the transaction itself sees its change') from secret;
select tests.tell('root', 'rollback');
select is(tests.sqlstate_of('root', format('select tenancy.attach(%L)', pg_temp.signed_with('mine', ours))), '28000', 'and keeps nothing of it when it is rolled back') from secret;
select tests.tell('gateway', 'begin');
select is(tests.tell('owner', $$select tenancy.distrust_issuer('https://id.example/')$$), 't', 'the owner distrusts an issuer');
select is((select pg_temp.attach(pg_temp.signed_with('new', other)) from secret), '28000', 'who has begun a transaction before is refused, too');
select tests.tell('gateway', 'rollback');
select is((select pg_temp.attach(pg_temp.signed_with('new', other)) from secret), '28000', 'from the next transaction on');
select is(tests.tell('owner', $$select tenancy.distrust_issuer('https://id.example/')$$), 'f', 'once');
select is((select count(*) from tenancy.issuer_key), 0::bigint, 'the secret is gone with it');

-- ---------------------------------------------------------------- what forgers get
select is((select pg_temp.trust(arguments || ', leeway => ''0''') from good), '00000', 'trusted once more, without leeway');
select is((select pg_temp.trust(format('%L, %L, array[%L]', 'https://other.example/', pg_temp.key(other, 'theirs'), 'shop')) from secret), '00000', 'beside another issuer');
create temporary table forgery as
  select t.what, t.token, o.*
    from secret s, lateral (values
      ('an unsigned token', pg_temp.url('{"alg":"none"}') || '.' || pg_temp.url(convert_to(pg_temp.claims()::text, 'UTF8')) || '.'),
      ('one that says none and is signed', pg_temp.token('{}', '{"alg":"none"}')),
      ('one that says RS256', pg_temp.token('{}', '{"alg":"RS256"}')),
      ('one of HS384', pg_temp.token('{}', '{"alg":"HS384"}')),
      ('one without an algorithm', pg_temp.token('{}', '{}')),
      ('one with a critical extension', pg_temp.token('{}', '{"alg":"HS256","crit":["b64"],"b64":false}')),
      ('one with two algorithms', pg_temp.token('{}', '{"alg":"HS256","alg":"HS256"}')),
      ('one that brings its key', pg_temp.seal(jsonb_build_object('alg', 'HS256', 'jwk', pg_temp.key(other))::text, pg_temp.claims()::text, other)),
      ('one signed with the key of another issuer', pg_temp.seal('{"alg":"HS256","kid":"theirs"}', pg_temp.claims()::text, other)),
      ('one that names the other issuer', pg_temp.token('{"iss":"https://other.example/"}')),
      ('one of an unknown issuer', pg_temp.token('{"iss":"https://id.example"}')),
      ('one without an issuer', pg_temp.seal('{"alg":"HS256"}', (pg_temp.claims() - 'iss')::text, ours)),
      ('one with two issuers', pg_temp.seal('{"alg":"HS256"}', '{"iss":"https://evil.example/",' || substr(pg_temp.claims()::text, 2), ours)),
      ('one with two users', pg_temp.seal('{"alg":"HS256"}', '{"sub":"1",' || substr(pg_temp.claims()::text, 2), ours)),
      ('one signed with an empty key', pg_temp.seal('{"alg":"HS256"}', pg_temp.claims()::text, '')),
      ('one for another audience', pg_temp.token('{"aud":"shops"}')),
      ('one for no audience', pg_temp.seal('{"alg":"HS256"}', (pg_temp.claims() - 'aud')::text, ours)),
      ('one that never expires', pg_temp.seal('{"alg":"HS256"}', (pg_temp.claims() - 'exp')::text, ours)),
      ('one with an expiry in words', pg_temp.token('{"exp":"9999999999"}')),
      ('one of the future', pg_temp.token(jsonb_build_object('iat', pg_temp.ago(-60)))),
      ('one that is not valid yet', pg_temp.token(jsonb_build_object('nbf', pg_temp.ago(-60)))),
      ('one of a user who is not there', pg_temp.token('{"sub":"999999"}')),
      ('one of a user beyond bigint', pg_temp.token('{"sub":"99999999999999999999"}')),
      ('one of a user of another type', pg_temp.token('{"sub":"auth0|5f7c8ec7c33c6c004bbafe82"}')),
      ('one of a user in another spelling', pg_temp.token(jsonb_build_object('sub', '0' || pg_temp.id('ann')))),
      ('one of a user with a blank', pg_temp.token(jsonb_build_object('sub', pg_temp.id('ann') || ' '))),
      ('one of a disabled user', pg_temp.token_of('fay')),
      ('one without a user', pg_temp.seal('{"alg":"HS256"}', (pg_temp.claims() - 'sub')::text, ours)),
      ('one of a user who is a list', pg_temp.token('{"sub":[1]}')),
      ('one with SQL for a user', pg_temp.token('{"sub":"1 or true --"}')),
      ('one with NUL in it', pg_temp.seal('{"alg":"HS256"}', replace(pg_temp.claims()::text, '"shop"', '"shop\u0000"'), ours)),
      ('one nested 100,000 deep', pg_temp.seal('{"alg":"HS256"}', repeat('[', 100000), ours)),
      ('one nested 3,000 deep', pg_temp.token(jsonb_build_object('x', 1))),
      ('one of a megabyte', pg_temp.token(jsonb_build_object('x', repeat('x', 750000)))),
      ('one beyond 16 kB', pg_temp.token(jsonb_build_object('x', repeat('x', 12300)))),
      ('one cut short', left(pg_temp.token(), -1)),
      ('one without its signature', regexp_replace(pg_temp.token(), '[^.]*$', '')),
      ('one with a part too many', pg_temp.token() || '.x'),
      ('one with padding', pg_temp.token() || '='),
      ('one with a line end', pg_temp.token() || E'\n'),
      ('one with Bearer before it', 'Bearer ' || pg_temp.token()),
      ('one whose last letter is another spelling', left(pg_temp.token(), -1) || translate(right(pg_temp.token(), 1), 'AEIMQUYcgkosw048', 'BFJNRVZdhlptx159')),
      ('a dot', '.'), ('two dots', '..'), ('a megabyte of dots', repeat('.', 1000000))
    ) as t (what, token), lateral (select case t.what when 'one nested 3,000 deep'
        then pg_temp.seal('{"alg":"HS256"}', '{"iss":"https://id.example/","x":' || repeat('[', 3000) || repeat(']', 3000) || '}', s.ours) else t.token end) f (token),
    lateral tests.try('gateway', format('select tenancy.attach(%L)', f.token)) o;
select is(coalesce(string_agg(what || ': ' || code, ', ') filter (where code <> '28000'), 'all'), 'all', format('%s forged tokens are refused with 28000', count(*))) from forgery;
select is(count(distinct (message, coalesce(detail, ''), coalesce(hint, ''))), 1::bigint, 'with one text, whatever is wrong') from forgery;
select is(min(message) || coalesce(min(detail), ''), 'token is not valid', 'which tells nothing') from forgery;
select is(pg_temp.attach(pg_temp.token()), '00000', 'while the true one still attaches');
select is(concat_ws('|', code, message, detail), '28000|token is not valid|The token has expired.', 'who holds a genuine token may learn that it has expired, by one second')
  from tests.try('gateway', format('select tenancy.attach(%L)', pg_temp.token(jsonb_build_object('exp', pg_temp.ago(1)))));
select is(coalesce(nullif(detail, ''), 'nothing'), 'nothing', 'who forged one learns not even that')
  from secret, tests.try('gateway', format('select tenancy.attach(%L)', pg_temp.seal('{"alg":"HS256"}', pg_temp.claims(jsonb_build_object('exp', pg_temp.ago(1)))::text, other)));
select is((select pg_temp.trust(arguments || ', require_expiry => false') from good), '00000', 'an issuer may be let off the expiry');
select is((select pg_temp.attach(pg_temp.seal('{"alg":"HS256"}', (pg_temp.claims() - 'exp')::text, ours)) from secret), '00000', 'then a token without one is taken');
select is(pg_temp.attach(pg_temp.token(jsonb_build_object('exp', pg_temp.ago(60)))), '28000', 'but not one that has expired');
select is(pg_temp.attach(pg_temp.token(jsonb_build_object('exp', pg_temp.ago(10)))), '00000', 'leeway is thirty seconds unless said otherwise');

-- ---------------------------------------------------------------- inside a context
select is((select tests.sqlstate_as('gateway', 'ann', format('select tenancy.trust_issuer(%s)', arguments)) from good), '42501', 'injected SQL trusts nobody');
select is(tests.sqlstate_as('gateway', 'ann', 'select count(*) from tenancy.issuer_key'), '42501', 'and reads no key');
select is(tests.sqlstate_as('gateway', 'ann', format('select tenancy.attach(%L)', pg_temp.token_of('bob'))), '25001', 'and a true token of somebody else comes too late');

-- The directory decides, and it alone.
insert into shop.membership (user_id, tenant_id) values (pg_temp.id('dan'), 9);
select is(pg_temp.tell(pg_temp.token_of('dan'), 'select distinct tenant_id from shop.patient'), '9', 'memberships are the directory''s, and only its own');
delete from shop.membership where user_id = pg_temp.id('dan');
select is(pg_temp.tell(pg_temp.token_of('dan'), 'select current_setting(''tenancy.tenant_id'')'), '', 'without one there is no tenant');

-- ---------------------------------------------------------------- a directory of other types
-- ann is a uuid there, and her tenant a text.
create view shop.other_accounts as
  select '0b1e57a1-0000-4000-8000-00000000000a'::uuid as user_id, 'ann'::text as user_name, null::text as password_hash, false as is_admin;
create view shop.other_memberships as
  select '0b1e57a1-0000-4000-8000-00000000000a'::uuid as user_id, 'tenant é'::text as tenant_id, 'one'::text as tenant_name;
select tenancy.use_directory('shop.other_accounts', 'shop.other_memberships');
select is(pg_temp.tell(pg_temp.token('{"sub":"0b1e57a1-0000-4000-8000-00000000000a"}'), 'select concat_ws(''|'', tenancy.user_uuid(), tenancy.tenant_id())'),
  '0b1e57a1-0000-4000-8000-00000000000a|tenant é', 'a user may be a uuid and a tenant any text');
select is(pg_temp.tell(pg_temp.token('{"sub":"0b1e57a1-0000-4000-8000-00000000000a"}'), 'select tenancy.tenant_id()', 'tenant é'), 'tenant é', 'which can be named');
select is(pg_temp.attach(pg_temp.token(jsonb_build_object('sub', sub))), '28000', format('%s is nobody there', sub))
  from (values ('0B1E57A1-0000-4000-8000-00000000000A'), ('{0b1e57a1-0000-4000-8000-00000000000a}'), ('0b1e57a10000400080000000000000a'), ('1')) v (sub);
select tenancy.use_directory('shop.accounts', 'shop.memberships');
drop view shop.other_accounts, shop.other_memberships;

-- ---------------------------------------------------------------- taken back
-- A token of before or after, as far as its iat tells; none tells nothing.
create function pg_temp.issued(name text, seconds_ago integer) returns text language sql as
$$ select pg_temp.token_of(name, jsonb_build_object('iat', pg_temp.ago(seconds_ago))) $$;
-- ann is in tenant 1, bob in 2, cyd in 1, 3 and 7. An issuer's clock that is ahead, within the leeway, makes tokens of after.
create function pg_temp.open_to(what text default null) returns text language sql as
$$ select string_agg(name || coalesce(' in ' || tenant, ''), ', ' order by n)
     from (values (1, 'ann', null), (2, 'bob', null), (3, 'cyd', '3'), (4, 'eve', null), (5, 'eve', '2')) v (n, name, tenant)
    where pg_temp.attach(case what when 'no iat' then pg_temp.token_of(name) when 'after' then pg_temp.issued(name, -20) else pg_temp.issued(name, 5) end, tenant) = '00000' $$;
select is((select pg_temp.trust(arguments) from good), '00000', 'the issuer''s tokens name no tenant from now on');
select is(pg_temp.open_to(), 'ann, bob, cyd in 3, eve, eve in 2', 'tokens are good as long as nobody takes them back');
select is(tests.sqlstate_of('operator', 'select tenancy.revoke_all(user_id => '''')'), '22023', 'the empty text is no user, and not everybody');
select is(tests.sqlstate_of('operator', 'select tenancy.revoke_all(tenant => '''')'), '22023', 'nor every tenant');
select tests.tell('operator', 'begin');
select tests.tell('operator', format('select tenancy.revoke_all(user_id => %L)', pg_temp.id('bob')));
select tests.tell('operator', 'rollback');
select is(pg_temp.open_to(), 'ann, bob, cyd in 3, eve, eve in 2', 'what is rolled back takes nothing back');
select tests.tell('operator', format('select tenancy.revoke_all(user_id => %L)', '0' || pg_temp.id('bob')));
select is(pg_temp.open_to(), 'ann, cyd in 3, eve, eve in 2', 'revoke_all takes a user''s tokens back');
select is(pg_temp.open_to('no iat'), 'ann, cyd in 3, eve, eve in 2', 'also those that do not tell when they were issued');
select is(pg_temp.open_to('after'), 'ann, bob, cyd in 3, eve, eve in 2', 'but not those that were issued later');
select is((select concat_ws('|', t.code, t.message, t.detail) from tests.try('gateway', format('select tenancy.attach(%L)', pg_temp.issued('bob', 5))) t), '28000|token is not valid|',
  'which looks like any other token that is not valid');
select is(pg_temp.attach(pg_temp.issued('bob', 5), '3'), '28000', 'whatever tenant it is asked for');
select tests.tell('operator', format('select tenancy.revoke_all(''2'', %L)', pg_temp.id('eve')));
select is(pg_temp.open_to(), 'ann, cyd in 3, eve', 'a user''s tokens in one tenant');
select tests.tell('operator', 'select tenancy.revoke_all(tenant => ''1'')');
select is(pg_temp.open_to(), 'eve', 'a tenant''s, and those of its members everywhere');
select is(pg_temp.open_to('after'), 'ann, bob, cyd in 3, eve, eve in 2', 'and only those of before');
select is(tests.sqlstate_of('gateway', 'select tenancy.cut_tokens(null, null)'), '42501', 'the gateway takes nothing back');
select is(tests.sqlstate_of('operator', 'delete from tenancy.token_cutoff'), '42501', 'and an operator gives nothing back');
select tests.tell('operator', 'select tenancy.rotate_secrets()');
select is(pg_temp.open_to(), null, 'rotate_secrets takes everybody''s tokens back');
select is(pg_temp.open_to('after'), 'ann, bob, cyd in 3, eve, eve in 2', 'those of after are good');
delete from tenancy.token_cutoff;
select is(pg_temp.open_to(), 'ann, bob, cyd in 3, eve, eve in 2', 'without the rows all are good again');

-- ---------------------------------------------------------------- on record
select tests.tell('owner', 'select tenancy.distrust_issuer(issuer) from tenancy.trusted_issuers()');
select is((select count(*) from tenancy.issuer), 0::bigint, 'nobody is trusted any more');
select is((select array_agg(concat_ws(' ', action, login, detail) order by id) from (select * from tenancy.audit_log where detail ->> 'issuer' = 'https://id.example/' and action ~ 'trust_issuer' order by id desc limit 2) l),
  array['trust_issuer shop_owner {"keys": [{"alg": "HS256", "kid": null}], "issuer": "https://id.example/", "audience": ["shop"]}', 'distrust_issuer shop_owner {"issuer": "https://id.example/"}'],
  'who is trusted, who no more, and by whom, is in the audit log');
select is((select count(*) from tenancy.audit_log l, secret where l.detail::text like '%' || ours || '%' or l.detail::text like '%' || (pg_temp.key(ours) ->> 'k') || '%'), 0::bigint, 'and no secret');
select * from finish();
