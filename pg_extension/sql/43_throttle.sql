-- How often sign-in has failed, and who waits for it. The rules, and why they are as they are, stand in src/throttle.hpp.
-- Settings come as arguments: the writer is another process, and a superuser may have set them in this session alone.

create table tenancy.sign_in_attempt (
  key bytea not null constraint sign_in_attempt_pkey primary key
    constraint sign_in_attempt_key_is_sha256 check (pg_catalog.octet_length(key) = 32),
  kind text not null constraint sign_in_attempt_kind_is_known check (kind in ('name', 'address', 'pair')),
  failures integer not null default 0,
  failed_at timestamptz,
  signed_in_at timestamptz,
  forget_at timestamptz not null
) with (fillfactor = 80); -- room for a row to be counted up in place
create index sign_in_attempt_forget_at_idx on tenancy.sign_in_attempt (forget_at);
comment on table tenancy.sign_in_attempt is 'failed sign-ins of late, and addresses that have signed in; keys are digests, so no name stands here';
comment on column tenancy.sign_in_attempt.key is 'SHA-256 of the user name, the client address, or both';
comment on column tenancy.sign_in_attempt.kind is 'name, address, or pair: an address that has signed in with that name';
comment on column tenancy.sign_in_attempt.failures is 'failed sign-ins, as counted at the last one';
comment on column tenancy.sign_in_attempt.failed_at is 'when the last one failed';
comment on column tenancy.sign_in_attempt.signed_in_at is 'of a pair: when it last signed in, to the hour';
comment on column tenancy.sign_in_attempt.forget_at is 'when the row no longer matters to anyone and may be deleted';
revoke all on tenancy.sign_in_attempt from public;

create function tenancy.throttled_address(address text) returns text
  language c immutable parallel safe as 'MODULE_PATHNAME', 'tenancy_throttled_address';
comment on function tenancy.throttled_address(text) is 'internal: what of an address is counted: IPv6 by its /64 network, where one client has all addresses';
revoke execute on function tenancy.throttled_address(text) from public;

create function tenancy.sign_in_key(user_name text, address text) returns bytea
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select case when user_name is null then sha256(convert_to('address:' || tenancy.throttled_address(address), 'UTF8'))
              when address is null then sha256(convert_to('name:' || user_name, 'UTF8'))
              else sha256(sha256(convert_to(user_name, 'UTF8')) || sha256(convert_to(tenancy.throttled_address(address), 'UTF8'))) end
$function$;
comment on function tenancy.sign_in_key(text, text) is 'internal: the key of a name, of an address, or of both';
revoke execute on function tenancy.sign_in_key(text, text) from public;

-- A clock that was set back makes nobody wait for longer, hence the bounds.
create function tenancy.failures_left(failures integer, failed_at timestamptz, longest_wait integer) returns integer
  language sql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select greatest(0, failures - floor(greatest(0, extract(epoch from clock_timestamp() - failed_at)) / longest_wait))::integer
$function$;
comment on function tenancy.failures_left(integer, timestamptz, integer) is 'internal: a count of failures less what quiet time has taken off';
revoke execute on function tenancy.failures_left(integer, timestamptz, integer) from public;

create function tenancy.seconds_to_wait(failures_left integer, failed_at timestamptz, free integer, longest_wait integer) returns integer
  language sql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select case when failures_left >= greatest(free, 1)
              then greatest(0, ceil(least(longest_wait, power(2, least(failures_left - free, 30)))
                                    - greatest(0, extract(epoch from clock_timestamp() - failed_at))))::integer
              else 0 end
$function$;
comment on function tenancy.seconds_to_wait(integer, timestamptz, integer, integer) is 'internal: how long these failures make one wait from now on';
revoke execute on function tenancy.seconds_to_wait(integer, timestamptz, integer, integer) from public;

-- What counts for an attempt: the pair alone where the address is known for the name, else the name and the address. A
-- caller that tells no address is one address, known or not, that is not counted by itself. STABLE, although it reads the
-- clock: so it sees the latest failures also in a transaction whose own snapshot is older.
create function tenancy.sign_in_standing(
  user_name text, address text, free integer, free_of_address integer, longest_wait integer, known_for integer,
  out wait integer,             -- seconds; 0: go on
  out first_key bytea, out first_chances integer,   -- how many may try at once
  out second_key bytea, out second_chances integer, -- NULL where one key counts
  out pair_key bytea,
  out remembered boolean,       -- a success needs no writing
  out note text                 -- what tenancy.note_sign_in() takes when the attempt fails
)
  language sql stable parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
  with pair as (
    select k.key, a.failures, a.failed_at, a.signed_in_at, k.known, coalesce(tenancy.failures_left(a.failures, a.failed_at, longest_wait), 0) as failures_left
      from (select tenancy.sign_in_key(user_name, coalesce(address, '')) as key) p
      left join tenancy.sign_in_attempt a on a.key = p.key,
      lateral (select p.key, coalesce(a.signed_in_at > clock_timestamp() - make_interval(secs => known_for), false) as known) k
  ), counted as (
    select row_number() over (order by c.place) as place, c.key, c.kind, c.free, a.failed_at,
           coalesce(tenancy.failures_left(a.failures, a.failed_at, longest_wait), 0) as failures_left,
           c.free + ceil(log(2, longest_wait))::integer as most
      from pair,
      lateral (values (1, pair.key, 'pair', free, pair.known),
                      (2, tenancy.sign_in_key(user_name, null), 'name', free, not pair.known),
                      (3, tenancy.sign_in_key(null, address), 'address', free_of_address, not pair.known and address is not null))
        as c (place, key, kind, free, counts)
      left join tenancy.sign_in_attempt a on a.key = c.key
     where c.counts
  )
  select max(tenancy.seconds_to_wait(c.failures_left, c.failed_at, c.free, longest_wait)),
         (array_agg(c.key order by c.place))[1], (array_agg(greatest(1, c.free - c.failures_left) order by c.place))[1],
         (array_agg(c.key order by c.place))[2], (array_agg(greatest(1, c.free - c.failures_left) order by c.place))[2],
         pair.key,
         pair.known and pair.failures_left = 0 and pair.signed_in_at > clock_timestamp() - make_interval(secs => least(3600, known_for / 2)),
         jsonb_build_object('longest_wait', longest_wait, 'failed',
                            jsonb_agg(jsonb_build_object('key', encode(c.key, 'hex'), 'kind', c.kind, 'most', c.most) order by c.place))::text
    from counted c, pair
   group by pair.key, pair.known, pair.failures_left, pair.signed_in_at
$function$;
comment on function tenancy.sign_in_standing(text, text, integer, integer, integer, integer) is
  'internal: whether an attempt has to wait, what counts for it, and what is noted when it fails';
revoke execute on function tenancy.sign_in_standing(text, text, integer, integer, integer, integer) from public;

-- More than an attempt adds, so that the table shrinks to what matters however fast attempts come.
create function tenancy.forget_sign_in_attempts() returns void
  language sql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
  delete from tenancy.sign_in_attempt a
   where a.key = any (array(select o.key from tenancy.sign_in_attempt o where o.forget_at < clock_timestamp()
                             order by o.forget_at limit 20 for update skip locked))
$function$;
comment on function tenancy.forget_sign_in_attempts() is 'internal: deletes a few rows that no longer matter';
revoke execute on function tenancy.forget_sign_in_attempts() from public;

-- Runs in a transaction of its own, through a background worker: the transaction that failed to sign in is rolled back.
-- Keys come in one order (pairs alone, else name before address), so that two writers never wait for each other in a ring.
create function tenancy.note_sign_in(note jsonb) returns void
  language plpgsql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp set lock_timeout = '5s'
as $function$
declare
  longest_wait constant integer := note ->> 'longest_wait';
  failed record;
begin
  for failed in select * from jsonb_to_recordset(note -> 'failed') as f (key text, kind text, most integer) loop
    insert into tenancy.sign_in_attempt as a (key, kind, failures, failed_at, forget_at)
    values (decode(failed.key, 'hex'), failed.kind, 1, clock_timestamp(), clock_timestamp() + make_interval(secs => longest_wait))
    on conflict (key) do update
      set failures = greatest(1, least(tenancy.failures_left(a.failures, a.failed_at, longest_wait) + 1, failed.most)),
          failed_at = clock_timestamp(),
          forget_at = greatest(a.forget_at, clock_timestamp() + make_interval(secs => longest_wait::double precision * least(a.failures + 1, failed.most)));
  end loop;
  perform tenancy.forget_sign_in_attempts();
end
$function$;
comment on function tenancy.note_sign_in(jsonb) is 'internal: counts a failed sign-in';
revoke execute on function tenancy.note_sign_in(jsonb) from public;

create function tenancy.remember_sign_in(pair bytea, known_for integer) returns void
  language sql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
  insert into tenancy.sign_in_attempt as a (key, kind, signed_in_at, forget_at)
  values (pair, 'pair', clock_timestamp(), clock_timestamp() + make_interval(secs => known_for))
  on conflict (key) do update
    set failures = 0, failed_at = null, signed_in_at = excluded.signed_in_at, forget_at = excluded.forget_at;
  select tenancy.forget_sign_in_attempts();
$function$;
comment on function tenancy.remember_sign_in(bytea, integer) is 'internal: keeps an address''s way in, and takes its own failures with that name off';
revoke execute on function tenancy.remember_sign_in(bytea, integer) from public;

create function tenancy.name_key(user_name text) returns text
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_name_key';
comment on function tenancy.name_key(text) is
  'internal: the name that failures are counted by: one for all spellings that the accounts view takes for equal';
revoke execute on function tenancy.name_key(text) from public;

create function tenancy.reset_sign_in(user_name text default null, address text default null) returns integer
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
declare
  counted_name text;
  deleted integer;
begin
  if user_name is null and address is null then
    raise exception using
      errcode = 'null_value_not_allowed',
      message = 'a user name or an address is needed',
      hint = 'Give the user_name that waits, the address that waits, or both.';
  end if;
  if octet_length(user_name) > 1024 or octet_length(address) > 4096 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'a user name has at most 1024 bytes and an address 4096';
  end if;
  counted_name := tenancy.name_key(user_name);
  delete from tenancy.sign_in_attempt a
   where counted_name is not null and a.key in (tenancy.sign_in_key(counted_name, null), tenancy.sign_in_key(counted_name, coalesce(address, '')))
      or address is not null and a.key = tenancy.sign_in_key(null, address);
  get diagnostics deleted = row_count;
  raise log 'failed sign-ins were taken off the count by %', session_user;
  return deleted;
end
$function$;
comment on function tenancy.reset_sign_in(text, text) is
  'lets a user name, an address, or a name from an address sign in again at once; how many counts were deleted';
revoke execute on function tenancy.reset_sign_in(text, text) from public;
grant execute on function tenancy.reset_sign_in(text, text) to tenancy_operator;
