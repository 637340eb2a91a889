-- Search operators that an index under row security can serve: leakproof twins of PostgreSQL's own. The planner puts them
-- where a query of a protected table has the built-in ones; they can be written out as well. COST 2 makes a scan without
-- index ask the policy first, which costs no more.

create function tenancy.search_support(internal) returns internal
  language c strict as 'MODULE_PATHNAME', 'tenancy_search_support';
comment on function tenancy.search_support(internal) is 'internal: offers an index the built-in operator for its twin';

create function tenancy.array_selectivity(internal, oid, internal, integer) returns double precision
  language c stable strict parallel safe as 'MODULE_PATHNAME', 'tenancy_array_selectivity';
comment on function tenancy.array_selectivity(internal, oid, internal, integer) is 'internal: estimates the array operators as their built-in twins';

create function tenancy.text_search_match(tsvector, tsquery) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_text_search_match';
comment on function tenancy.text_search_match(tsvector, tsquery) is 'internal: text search match, raising nothing';
create operator tenancy.@@ (
  function = tenancy.text_search_match, leftarg = tsvector, rightarg = tsquery,
  restrict = pg_catalog.tsmatchsel, join = pg_catalog.tsmatchjoinsel);
comment on operator tenancy.@@ (tsvector, tsquery) is 'text search match, leakproof';

create function tenancy.matches_like(text, text) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_like';
comment on function tenancy.matches_like(text, text) is 'internal: matches LIKE expression, raising nothing';
create operator tenancy.~~ (
  function = tenancy.matches_like, leftarg = text, rightarg = text,
  restrict = pg_catalog.likesel, join = pg_catalog.likejoinsel);
comment on operator tenancy.~~ (text, text) is 'matches LIKE expression, leakproof';

create function tenancy.matches_ilike(text, text) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_ilike';
comment on function tenancy.matches_ilike(text, text) is 'internal: matches LIKE expression, case-insensitive, raising nothing';
create operator tenancy.~~* (
  function = tenancy.matches_ilike, leftarg = text, rightarg = text,
  restrict = pg_catalog.iclikesel, join = pg_catalog.iclikejoinsel);
comment on operator tenancy.~~* (text, text) is 'matches LIKE expression, case-insensitive, leakproof';

create function tenancy.contains(jsonb, jsonb) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_jsonb_contains';
comment on function tenancy.contains(jsonb, jsonb) is 'internal: contains, raising nothing';
create operator tenancy.@> (
  function = tenancy.contains, leftarg = jsonb, rightarg = jsonb,
  restrict = pg_catalog.matchingsel, join = pg_catalog.matchingjoinsel);
comment on operator tenancy.@> (jsonb, jsonb) is 'contains, leakproof';

create function tenancy.contains(text[], text[]) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_array_contains';
comment on function tenancy.contains(text[], text[]) is 'internal: contains, raising nothing';
create operator tenancy.@> (
  function = tenancy.contains, leftarg = text[], rightarg = text[],
  restrict = tenancy.array_selectivity, join = pg_catalog.arraycontjoinsel);
comment on operator tenancy.@> (text[], text[]) is 'contains, leakproof';

create function tenancy.contains(integer[], integer[]) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_array_contains';
comment on function tenancy.contains(integer[], integer[]) is 'internal: contains, raising nothing';
create operator tenancy.@> (
  function = tenancy.contains, leftarg = integer[], rightarg = integer[],
  restrict = tenancy.array_selectivity, join = pg_catalog.arraycontjoinsel);
comment on operator tenancy.@> (integer[], integer[]) is 'contains, leakproof';

create function tenancy.contains(bigint[], bigint[]) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_array_contains';
comment on function tenancy.contains(bigint[], bigint[]) is 'internal: contains, raising nothing';
create operator tenancy.@> (
  function = tenancy.contains, leftarg = bigint[], rightarg = bigint[],
  restrict = tenancy.array_selectivity, join = pg_catalog.arraycontjoinsel);
comment on operator tenancy.@> (bigint[], bigint[]) is 'contains, leakproof';

create function tenancy.contains(uuid[], uuid[]) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_array_contains';
comment on function tenancy.contains(uuid[], uuid[]) is 'internal: contains, raising nothing';
create operator tenancy.@> (
  function = tenancy.contains, leftarg = uuid[], rightarg = uuid[],
  restrict = tenancy.array_selectivity, join = pg_catalog.arraycontjoinsel);
comment on operator tenancy.@> (uuid[], uuid[]) is 'contains, leakproof';

create function tenancy.overlaps(text[], text[]) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_array_overlap';
comment on function tenancy.overlaps(text[], text[]) is 'internal: overlaps, raising nothing';
create operator tenancy.&& (
  function = tenancy.overlaps, leftarg = text[], rightarg = text[],
  restrict = tenancy.array_selectivity, join = pg_catalog.arraycontjoinsel);
comment on operator tenancy.&& (text[], text[]) is 'overlaps, leakproof';

create function tenancy.overlaps(integer[], integer[]) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_array_overlap';
comment on function tenancy.overlaps(integer[], integer[]) is 'internal: overlaps, raising nothing';
create operator tenancy.&& (
  function = tenancy.overlaps, leftarg = integer[], rightarg = integer[],
  restrict = tenancy.array_selectivity, join = pg_catalog.arraycontjoinsel);
comment on operator tenancy.&& (integer[], integer[]) is 'overlaps, leakproof';

create function tenancy.overlaps(bigint[], bigint[]) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_array_overlap';
comment on function tenancy.overlaps(bigint[], bigint[]) is 'internal: overlaps, raising nothing';
create operator tenancy.&& (
  function = tenancy.overlaps, leftarg = bigint[], rightarg = bigint[],
  restrict = tenancy.array_selectivity, join = pg_catalog.arraycontjoinsel);
comment on operator tenancy.&& (bigint[], bigint[]) is 'overlaps, leakproof';

create function tenancy.overlaps(uuid[], uuid[]) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_array_overlap';
comment on function tenancy.overlaps(uuid[], uuid[]) is 'internal: overlaps, raising nothing';
create operator tenancy.&& (
  function = tenancy.overlaps, leftarg = uuid[], rightarg = uuid[],
  restrict = tenancy.array_selectivity, join = pg_catalog.arraycontjoinsel);
comment on operator tenancy.&& (uuid[], uuid[]) is 'overlaps, leakproof';

-- The same index as pg_catalog.tsvector_ops, whose functions do not look at the strategy. An index that knows the twin itself
-- spares the second look at each row that it has found, and serves protected tables whatever tenancy.shared_index_search says.
create operator class tenancy.tsvector_ops for type tsvector using gin as
  operator 1 tenancy.@@ (tsvector, tsquery),
  operator 2 pg_catalog.@@ (tsvector, tsquery),
  function 1 pg_catalog.gin_cmp_tslexeme(text, text),
  function 2 pg_catalog.gin_extract_tsvector(tsvector, internal, internal),
  function 3 pg_catalog.gin_extract_tsquery(tsvector, internal, smallint, internal, internal, internal, internal),
  function 4 pg_catalog.gin_tsquery_consistent(internal, smallint, tsvector, integer, internal, internal, internal, internal),
  function 5 pg_catalog.gin_cmp_prefix(text, text, smallint, internal),
  function 6 pg_catalog.gin_tsquery_triconsistent(internal, smallint, tsvector, integer, internal, internal, internal),
  storage text;
comment on operator class tenancy.tsvector_ops using gin is 'words of a tsvector, for full-text search under row security';
comment on operator family tenancy.tsvector_ops using gin is 'words of a tsvector, for full-text search under row security';

-- The same for pg_catalog.jsonb_path_ops, whose functions know strategy 7 alone. With the twin the planner has the column's
-- statistics for the index too, and chooses as it does without row security.
create operator class tenancy.jsonb_path_ops for type jsonb using gin as
  operator 7 tenancy.@> (jsonb, jsonb),
  function 1 pg_catalog.btint4cmp(integer, integer),
  function 2 pg_catalog.gin_extract_jsonb_path(jsonb, internal, internal),
  function 3 pg_catalog.gin_extract_jsonb_query_path(jsonb, internal, smallint, internal, internal, internal, internal),
  function 4 pg_catalog.gin_consistent_jsonb_path(internal, smallint, jsonb, integer, internal, internal, internal, internal),
  function 6 pg_catalog.gin_triconsistent_jsonb_path(internal, smallint, jsonb, integer, internal, internal, internal),
  storage integer;
comment on operator class tenancy.jsonb_path_ops using gin is 'paths of a document, for @> under row security';
comment on operator family tenancy.jsonb_path_ops using gin is 'paths of a document, for @> under row security';

-- Whoever runs a query runs them.
revoke execute on function
  tenancy.search_support(internal), tenancy.array_selectivity(internal, oid, internal, integer),
  tenancy.text_search_match(tsvector, tsquery),
  tenancy.matches_like(text, text),
  tenancy.matches_ilike(text, text),
  tenancy.contains(jsonb, jsonb),
  tenancy.contains(text[], text[]),
  tenancy.contains(integer[], integer[]),
  tenancy.contains(bigint[], bigint[]),
  tenancy.contains(uuid[], uuid[]),
  tenancy.overlaps(text[], text[]),
  tenancy.overlaps(integer[], integer[]),
  tenancy.overlaps(bigint[], bigint[]),
  tenancy.overlaps(uuid[], uuid[])
from public;
grant execute on function
  tenancy.text_search_match(tsvector, tsquery),
  tenancy.matches_like(text, text),
  tenancy.matches_ilike(text, text),
  tenancy.contains(jsonb, jsonb),
  tenancy.contains(text[], text[]),
  tenancy.contains(integer[], integer[]),
  tenancy.contains(bigint[], bigint[]),
  tenancy.contains(uuid[], uuid[]),
  tenancy.overlaps(text[], text[]),
  tenancy.overlaps(integer[], integer[]),
  tenancy.overlaps(bigint[], bigint[]),
  tenancy.overlaps(uuid[], uuid[])
to public;
