// Reads: columns, embedded resources, order and pages. Those that begin with "(" or "select t0" are the inner SELECT alone;
// around it stands the text that makes the JSON array.
#include "rest_case.hpp"

#include <gtest/gtest.h>

namespace {

struct Case {
    std::string relation;
    std::string query;
    std::string sql;
    std::vector<std::string> parameters;
};

const Case cases[] = {
    {"notes", "",
     R"sql(select t0.* from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=*",
     R"sql(select t0.* from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=",
     R"sql(select t0.* from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,title",
     R"sql(select t0."id" as "id", t0."title" as "title" from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=%20id%20,%20title%20",
     R"sql(select t0."id" as "id", t0."title" as "title" from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,name:title",
     R"sql(select t0."id" as "id", t0."title" as "name" from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=na%20me:title,ä:body,a-b:id,$x:id",
     R"sql(select t0."title" as "na me", t0."body" as "ä", t0."id" as "a-b", t0."id" as "$x" from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id::text,n:score::int4",
     R"sql(select (t0."id")::text as "id", (t0."score")::integer as "n" from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=score::double%20precision,created::timestamptz",
     R"sql(select (t0."score")::double precision as "score", (t0."created")::timestamp with time zone as "created" from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=data->a",
     R"sql(select (t0."data"->$1::text) as "a" from "api"."notes" t0 order by t0."id" limit $2::bigint@@
     {"a", "1000"}},
    {"notes", "select=data->>a",
     R"sql(select (t0."data"->>$1::text) as "a" from "api"."notes" t0 order by t0."id" limit $2::bigint@@
     {"a", "1000"}},
    {"notes", "select=data->a->0->>b",
     R"sql(select (t0."data"->$1::text->$2::integer->>$3::text) as "b" from "api"."notes" t0 order by t0."id" limit $4::bigint@@
     {"a", "0", "b", "1000"}},
    {"notes", "select=x:data->a::text,data->1",
     R"sql(select ((t0."data"->$1::text))::text as "x", (t0."data"->$2::integer) as "data" from "api"."notes" t0 order by t0."id" limit $3::bigint@@
     {"a", "1", "1000"}},
    {"notes", "select=raw->k,tags->>0",
     R"sql(select (t0."raw"->$1::text) as "k", (to_jsonb(t0."tags")->>$2::integer) as "tags" from "api"."notes" t0 order by t0."id" limit $3::bigint@@
     {"k", "0", "1000"}},
    {"notes", R"sql(select="odd%20\"name"@@
     R"sql(select t0."odd ""name" as "odd ""name" from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=*,t:title",
     R"sql(select t0.*, t0."title" as "t" from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "order=title",
     R"sql(select t0.* from "api"."notes" t0 order by t0."title" limit $1::bigint@@
     {"1000"}},
    {"notes", "order=title.desc",
     R"sql(select t0.* from "api"."notes" t0 order by t0."title" desc limit $1::bigint@@
     {"1000"}},
    {"notes", "order=title.asc.nullsfirst,id.desc.nullslast",
     R"sql(select t0.* from "api"."notes" t0 order by t0."title" nulls first, t0."id" desc nulls last limit $1::bigint@@
     {"1000"}},
    {"notes", "order=score.nullslast",
     R"sql(select t0.* from "api"."notes" t0 order by t0."score" nulls last limit $1::bigint@@
     {"1000"}},
    {"notes", "order=data->a->>b.desc",
     R"sql(select t0.* from "api"."notes" t0 order by (t0."data"->$1::text->>$2::text) desc limit $3::bigint@@
     {"a", "b", "1000"}},
    {"notes", "order=raw->k",
     R"sql(select t0.* from "api"."notes" t0 order by ((t0."raw"->$1::text))::jsonb limit $2::bigint@@
     {"k", "1000"}},
    {"notes", "order=",
     R"sql(select t0.* from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "limit=5",
     R"sql(select t0.* from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"5"}},
    {"notes", "limit=5&offset=10",
     R"sql(select t0.* from "api"."notes" t0 order by t0."id" limit $1::bigint offset $2::bigint@@
     {"5", "10"}},
    {"notes", "limit=0",
     R"sql(select t0.* from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"0"}},
    {"notes", "limit=99999",
     R"sql(select t0.* from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "offset=3",
     R"sql(select t0.* from "api"."notes" t0 order by t0."id" limit $1::bigint offset $2::bigint@@
     {"1000", "3"}},
    {"events", "",
     R"sql(select t0.* from "api"."events" t0 limit $1::bigint@@
     {"1000"}},
    {"note_labels", "limit=1",
     R"sql(select t0.* from "api"."note_labels" t0 order by t0."note_id", t0."label_id" limit $1::bigint@@
     {"1"}},
    {"notes", "select=id,author_id(name)",
     R"sql(select t0."id" as "id", (select row_to_json(r2) from (select t1."name" as "name" from "api"."authors" t1 where t1."id" = t0."author_id" order by t1."id" limit 1) r2) as "author_id" from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,notes_author_id_fkey(name)",
     R"sql(select t0."id" as "id", (select row_to_json(r2) from (select t1."name" as "name" from "api"."authors" t1 where t1."id" = t0."author_id" order by t1."id" limit 1) r2) as "notes_author_id_fkey" from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,authors!author_id(name)",
     R"sql(select t0."id" as "id", (select row_to_json(r2) from (select t1."name" as "name" from "api"."authors" t1 where t1."id" = t0."author_id" order by t1."id" limit 1) r2) as "authors" from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,writer:authors!notes_author_id_fkey(name)",
     R"sql(select t0."id" as "id", (select row_to_json(r2) from (select t1."name" as "name" from "api"."authors" t1 where t1."id" = t0."author_id" order by t1."id" limit 1) r2) as "writer" from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,authors!author_id!inner(name)",
     R"sql(select t0."id" as "id", (select row_to_json(r2) from (select t1."name" as "name" from "api"."authors" t1 where t1."id" = t0."author_id" order by t1."id" limit 1) r2) as "authors" from "api"."notes" t0 where exists (select from "api"."authors" t3 where t3."id" = t0."author_id") order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,authors!inner!author_id(name)",
     R"sql(select t0."id" as "id", (select row_to_json(r2) from (select t1."name" as "name" from "api"."authors" t1 where t1."id" = t0."author_id" order by t1."id" limit 1) r2) as "authors" from "api"."notes" t0 where exists (select from "api"."authors" t3 where t3."id" = t0."author_id") order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,authors!left!author_id(name)",
     R"sql(select t0."id" as "id", (select row_to_json(r2) from (select t1."name" as "name" from "api"."authors" t1 where t1."id" = t0."author_id" order by t1."id" limit 1) r2) as "authors" from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,a:authors!author_id(name),e:authors!editor_id(name)",
     R"sql(select t0."id" as "id", (select row_to_json(r2) from (select t1."name" as "name" from "api"."authors" t1 where t1."id" = t0."author_id" order by t1."id" limit 1) r2) as "a", (select row_to_json(r4) from (select t3."name" as "name" from "api"."authors" t3 where t3."id" = t0."editor_id" order by t3."id" limit 1) r4) as "e" from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,a:authors!author_id(*)&a.active=is.true",
     R"sql(select t0."id" as "id", (select row_to_json(r2) from (select t1.* from "api"."authors" t1 where t1."id" = t0."author_id" and t1."active" is true order by t1."id" limit 1) r2) as "a" from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,a:authors!author_id!inner(*)&a.name=like.A*",
     R"sql(select t0."id" as "id", (select row_to_json(r2) from (select t1.* from "api"."authors" t1 where t1."id" = t0."author_id" and t1."name" like $1::text order by t1."id" limit 1) r2) as "a" from "api"."notes" t0 where exists (select from "api"."authors" t3 where t3."id" = t0."author_id" and t3."name" like $1::text) order by t0."id" limit $2::bigint@@
     {"A%", "1000"}},
    {"notes", "select=id,a:authors!author_id(name)&a=not.is.null",
     R"sql(select t0."id" as "id", (select row_to_json(r2) from (select t1."name" as "name" from "api"."authors" t1 where t1."id" = t0."author_id" order by t1."id" limit 1) r2) as "a" from "api"."notes" t0 where exists (select from "api"."authors" t3 where t3."id" = t0."author_id") order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,a:authors!author_id()&a=is.null",
     R"sql(select t0."id" as "id" from "api"."notes" t0 where not exists (select from "api"."authors" t1 where t1."id" = t0."author_id") order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,a:authors!author_id()&or=(a.not.is.null,title.eq.x)",
     R"sql(select t0."id" as "id" from "api"."notes" t0 where (exists (select from "api"."authors" t1 where t1."id" = t0."author_id") or t0."title" = $1::character varying) order by t0."id" limit $2::bigint@@
     {"x", "1000"}},
    {"notes", "select=id,a:authors!author_id(name)&order=a(name).desc,id",
     R"sql(select t0."id" as "id", (select row_to_json(r2) from (select t1."name" as "name" from "api"."authors" t1 where t1."id" = t0."author_id" order by t1."id" limit 1) r2) as "a" from "api"."notes" t0 order by (select t3."name" from "api"."authors" t3 where t3."id" = t0."author_id" limit 1) desc, t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,note_details(text)",
     R"sql(select t0."id" as "id", (select row_to_json(r2) from (select t1."text" as "text" from "api"."note_details" t1 where t1."note_id" = t0."id" order by t1."note_id" limit 1) r2) as "note_details" from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"note_details", "select=text,notes(title)",
     R"sql(select t0."text" as "text", (select row_to_json(r2) from (select t1."title" as "title" from "api"."notes" t1 where t1."id" = t0."note_id" order by t1."id" limit 1) r2) as "notes" from "api"."note_details" t0 order by t0."note_id" limit $1::bigint@@
     {"1000"}},
    {"authors", "select=name,notes!author_id(title)",
     R"sql(select t0."name" as "name", (select coalesce(json_agg(r2), '[]') from (select t1."title" as "title" from "api"."notes" t1 where t1."author_id" = t0."id" order by t1."id" limit 1000) r2) as "notes" from "api"."authors" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"authors", "select=name,notes!author_id(title)&notes.order=title.desc&notes.limit=2&notes.offset=1",
     R"sql(select t0."name" as "name", (select coalesce(json_agg(r2), '[]') from (select t1."title" as "title" from "api"."notes" t1 where t1."author_id" = t0."id" order by t1."title" desc limit $1::bigint offset $2::bigint) r2) as "notes" from "api"."authors" t0 order by t0."id" limit $3::bigint@@
     {"2", "1", "1000"}},
    {"authors", "select=name,notes!author_id(title)&notes.or=(id.eq.1,id.eq.2)&notes.not.and=(id.eq.1,id.eq.3)",
     R"sql(select t0."name" as "name", (select coalesce(json_agg(r2), '[]') from (select t1."title" as "title" from "api"."notes" t1 where t1."author_id" = t0."id" and (t1."id" = $1::bigint or t1."id" = $2::bigint) and not (t1."id" = $3::bigint and t1."id" = $4::bigint) order by t1."id" limit 1000) r2) as "notes" from "api"."authors" t0 order by t0."id" limit $5::bigint@@
     {"1", "2", "1", "3", "1000"}},
    {"authors", "select=name,notes!author_id(title,labels(name))&notes.labels.name=eq.red&notes.labels.limit=1",
     R"sql(select t0."name" as "name", (select coalesce(json_agg(r2), '[]') from (select t1."title" as "title", (select coalesce(json_agg(r4), '[]') from (select t3."name" as "name" from "api"."note_labels" j5, "api"."labels" t3 where j5."note_id" = t1."id" and t3."id" = j5."label_id" and t3."name" = $1::text order by t3."id" limit $2::bigint) r4) as "labels" from "api"."notes" t1 where t1."author_id" = t0."id" order by t1."id" limit 1000) r2) as "notes" from "api"."authors" t0 order by t0."id" limit $3::bigint@@
     {"red", "1", "1000"}},
    {"authors", "select=name,n:notes!notes_editor_id_fkey!inner(id)&n.title=eq.x&n.score=gt.1",
     R"sql(select t0."name" as "name", (select coalesce(json_agg(r2), '[]') from (select t1."id" as "id" from "api"."notes" t1 where t1."editor_id" = t0."id" and t1."title" = $1::character varying and t1."score" > $2::numeric order by t1."id" limit 1000) r2) as "n" from "api"."authors" t0 where exists (select from "api"."notes" t3 where t3."editor_id" = t0."id" and t3."title" = $1::character varying and t3."score" > $2::numeric) order by t0."id" limit $3::bigint@@
     {"x", "1", "1000"}},
    {"authors", "select=name,open_notes(title)",
     R"sql(select t0."name" as "name", (select coalesce(json_agg(r2), '[]') from (select t1."title" as "title" from "api"."open_notes" t1 where t1."author_id" = t0."id" order by t1."id" limit 1000) r2) as "open_notes" from "api"."authors" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"open_notes", "select=title,authors(name)",
     R"sql(select t0."title" as "title", (select row_to_json(r2) from (select t1."name" as "name" from "api"."authors" t1 where t1."id" = t0."author_id" order by t1."id" limit 1) r2) as "authors" from "api"."open_notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,labels(name)",
     R"sql(select t0."id" as "id", (select coalesce(json_agg(r2), '[]') from (select t1."name" as "name" from "api"."note_labels" j3, "api"."labels" t1 where j3."note_id" = t0."id" and t1."id" = j3."label_id" order by t1."id" limit 1000) r2) as "labels" from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,labels!note_labels(name)",
     R"sql(select t0."id" as "id", (select coalesce(json_agg(r2), '[]') from (select t1."name" as "name" from "api"."note_labels" j3, "api"."labels" t1 where j3."note_id" = t0."id" and t1."id" = j3."label_id" order by t1."id" limit 1000) r2) as "labels" from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,labels!inner(name)&labels.name=eq.red",
     R"sql(select t0."id" as "id", (select coalesce(json_agg(r2), '[]') from (select t1."name" as "name" from "api"."note_labels" j3, "api"."labels" t1 where j3."note_id" = t0."id" and t1."id" = j3."label_id" and t1."name" = $1::text order by t1."id" limit 1000) r2) as "labels" from "api"."notes" t0 where exists (select from "api"."note_labels" j5, "api"."labels" t4 where j5."note_id" = t0."id" and t4."id" = j5."label_id" and t4."name" = $1::text) order by t0."id" limit $2::bigint@@
     {"red", "1000"}},
    {"labels", "select=name,notes(title)",
     R"sql(select t0."name" as "name", (select coalesce(json_agg(r2), '[]') from (select t1."title" as "title" from "api"."note_labels" j3, "api"."notes" t1 where j3."label_id" = t0."id" and t1."id" = j3."note_id" order by t1."id" limit 1000) r2) as "notes" from "api"."labels" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,note_labels(labels(name))",
     R"sql(select t0."id" as "id", (select coalesce(json_agg(r2), '[]') from (select (select row_to_json(r4) from (select t3."name" as "name" from "api"."labels" t3 where t3."id" = t1."label_id" order by t3."id" limit 1) r4) as "labels" from "api"."note_labels" t1 where t1."note_id" = t0."id" order by t1."note_id", t1."label_id" limit 1000) r2) as "note_labels" from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"categories", "select=name,parent_id(name)",
     R"sql(select t0."name" as "name", (select row_to_json(r2) from (select t1."name" as "name" from "api"."categories" t1 where t1."id" = t0."parent_id" order by t1."id" limit 1) r2) as "parent_id" from "api"."categories" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"categories", "select=name,categories(name)",
     R"sql(select t0."name" as "name", (select coalesce(json_agg(r2), '[]') from (select t1."name" as "name" from "api"."categories" t1 where t1."parent_id" = t0."id" order by t1."id" limit 1000) r2) as "categories" from "api"."categories" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"categories", "select=name,kids:categories!parent_id(name,kids:categories!parent_id(name))",
     R"sql(select t0."name" as "name", (select coalesce(json_agg(r2), '[]') from (select t1."name" as "name", (select coalesce(json_agg(r4), '[]') from (select t3."name" as "name" from "api"."categories" t3 where t3."parent_id" = t1."id" order by t3."id" limit 1000) r4) as "kids" from "api"."categories" t1 where t1."parent_id" = t0."id" order by t1."id" limit 1000) r2) as "kids" from "api"."categories" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"categories", "select=name,categories!categories_parent_id_fkey(name)",
     R"sql(select t0."name" as "name", (select coalesce(json_agg(r2), '[]') from (select t1."name" as "name" from "api"."categories" t1 where t1."parent_id" = t0."id" order by t1."id" limit 1000) r2) as "categories" from "api"."categories" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"stores", "select=name,staff(name)",
     R"sql(select t0."name" as "name", (select coalesce(json_agg(r2), '[]') from (select t1."name" as "name" from "api"."staff" t1 where t1."region" = t0."region" and t1."store_number" = t0."number" order by t1."id" limit 1000) r2) as "staff" from "api"."stores" t0 order by t0."region", t0."number" limit $1::bigint@@
     {"1000"}},
    {"staff", "select=name,stores(name)",
     R"sql(select t0."name" as "name", (select row_to_json(r2) from (select t1."name" as "name" from "api"."stores" t1 where t1."region" = t0."region" and t1."number" = t0."store_number" order by t1."region", t1."number" limit 1) r2) as "stores" from "api"."staff" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"staff", "select=name,store_number(name)",
     R"sql(select t0."name" as "name", (select row_to_json(r2) from (select t1."name" as "name" from "api"."stores" t1 where t1."region" = t0."region" and t1."number" = t0."store_number" order by t1."region", t1."number" limit 1) r2) as "store_number" from "api"."staff" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"staff", "select=name,...stores(store:name)",
     R"sql(select t0."name" as "name", s2.c0 as "store" from "api"."staff" t0 left join lateral (select t1."name" as c0 from "api"."stores" t1 where t1."region" = t0."region" and t1."number" = t0."store_number" order by t1."region", t1."number" limit 1) s2 on true order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,...authors!author_id(*)",
     R"sql(select t0."id" as "id", s2.c0 as "id", s2.c1 as "name", s2.c2 as "email", s2.c3 as "active" from "api"."notes" t0 left join lateral (select t1."id" as c0, t1."name" as c1, t1."email" as c2, t1."active" as c3 from "api"."authors" t1 where t1."id" = t0."author_id" order by t1."id" limit 1) s2 on true order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,...authors!author_id(author:name,id)&authors.name=eq.x",
     R"sql(select t0."id" as "id", s2.c0 as "author", s2.c1 as "id" from "api"."notes" t0 left join lateral (select t1."name" as c0, t1."id" as c1 from "api"."authors" t1 where t1."id" = t0."author_id" and t1."name" = $1::text order by t1."id" limit 1) s2 on true order by t0."id" limit $2::bigint@@
     {"x", "1000"}},
    {"note_details", "select=text,...notes(title,...author_id(author:name))",
     R"sql(select t0."text" as "text", s2.c0 as "title", s2.c1 as "author" from "api"."note_details" t0 left join lateral (select t1."title" as c0, s4.c0 as c1 from "api"."notes" t1 left join lateral (select t3."name" as c0 from "api"."authors" t3 where t3."id" = t1."author_id" order by t3."id" limit 1) s4 on true where t1."id" = t0."note_id" order by t1."id" limit 1) s2 on true order by t0."note_id" limit $1::bigint@@
     {"1000"}},
    {"note_details", "select=text,notes(title,...author_id(author:name))",
     R"sql(select t0."text" as "text", (select row_to_json(r2) from (select t1."title" as "title", s4.c0 as "author" from "api"."notes" t1 left join lateral (select t3."name" as c0 from "api"."authors" t3 where t3."id" = t1."author_id" order by t3."id" limit 1) s4 on true where t1."id" = t0."note_id" order by t1."id" limit 1) r2) as "notes" from "api"."note_details" t0 order by t0."note_id" limit $1::bigint@@
     {"1000"}},
    {"notes", "select=id,labels()&labels.order=name&labels.limit=3&labels.name=eq.x",
     R"sql(select t0."id" as "id" from "api"."notes" t0 order by t0."id" limit $3::bigint) p where $1::text is not null and $2::text is not null@@
     {"x", "3", "1000"}},
    {"notes", "select=labels()",
     R"sql(select from "api"."notes" t0 order by t0."id" limit $1::bigint@@
     {"1000"}},
    {"notes", "after=",
     R"sql(select coalesce(json_agg(p.r), '[]')::text, count(*), null::bigint, case when count(*) = $1::bigint then ((array_agg(p.k))[count(*)])::text end from (select (select row_to_json(r1) from (select t0.*) r1) as r, json_build_array(t0."id"::text) as k from "api"."notes" t0 order by t0."id" limit $1::bigint) p@@
     {"1000"}},
    {"notes", "after=WyIzIl0",
     R"sql(select coalesce(json_agg(p.r), '[]')::text, count(*), null::bigint, case when count(*) = $2::bigint then ((array_agg(p.k))[count(*)])::text end from (select (select row_to_json(r1) from (select t0.*) r1) as r, json_build_array(t0."id"::text) as k from "api"."notes" t0 where (t0."id") > ($1::bigint) order by t0."id" limit $2::bigint) p@@
     {"3", "1000"}},
    {"notes", "after=&limit=10&order=title",
     R"sql(select coalesce(json_agg(p.r), '[]')::text, count(*), null::bigint, case when count(*) = $1::bigint then ((array_agg(p.k))[count(*)])::text end from (select (select row_to_json(r1) from (select t0.*) r1) as r, json_build_array(t0."title"::text, t0."id"::text) as k from "api"."notes" t0 order by t0."title", t0."id" limit $1::bigint) p@@
     {"10"}},
    {"notes", "after=WyJ0IiwiMyJd&order=title",
     R"sql(select coalesce(json_agg(p.r), '[]')::text, count(*), null::bigint, case when count(*) = $3::bigint then ((array_agg(p.k))[count(*)])::text end from (select (select row_to_json(r1) from (select t0.*) r1) as r, json_build_array(t0."title"::text, t0."id"::text) as k from "api"."notes" t0 where (t0."title", t0."id") > ($1::character varying, $2::bigint) order by t0."title", t0."id" limit $3::bigint) p@@
     {"t", "3", "1000"}},
    {"notes", "after=WyJ0IiwiMyJd&order=title.desc",
     R"sql(select coalesce(json_agg(p.r), '[]')::text, count(*), null::bigint, case when count(*) = $3::bigint then ((array_agg(p.k))[count(*)])::text end from (select (select row_to_json(r1) from (select t0.*) r1) as r, json_build_array(t0."title"::text, t0."id"::text) as k from "api"."notes" t0 where (t0."title", t0."id") < ($1::character varying, $2::bigint) order by t0."title" desc, t0."id" desc limit $3::bigint) p@@
     {"t", "3", "1000"}},
    {"notes", "after=WyIxIiwidCIsIjMiXQ&order=score.desc,title",
     R"sql(select coalesce(json_agg(p.r), '[]')::text, count(*), null::bigint, case when count(*) = $4::bigint then ((array_agg(p.k))[count(*)])::text end from (select (select row_to_json(r1) from (select t0.*) r1) as r, json_build_array(t0."score"::text, t0."title"::text, t0."id"::text) as k from "api"."notes" t0 where (t0."score" < $1::numeric or (t0."score" = $1::numeric and (t0."title" > $2::character varying or (t0."title" = $2::character varying and (t0."id" > $3::bigint or (t0."id" = $3::bigint and false)))))) order by t0."score" desc, t0."title", t0."id" limit $4::bigint) p@@
     {"1", "t", "3", "1000"}},
    {"notes", "after=W251bGwsIjMiXQ&order=score",
     R"sql(select coalesce(json_agg(p.r), '[]')::text, count(*), null::bigint, case when count(*) = $2::bigint then ((array_agg(p.k))[count(*)])::text end from (select (select row_to_json(r1) from (select t0.*) r1) as r, json_build_array(t0."score"::text, t0."id"::text) as k from "api"."notes" t0 where ((t0."score" is null and (t0."id" > $1::bigint or (t0."id" = $1::bigint and false)))) order by t0."score", t0."id" limit $2::bigint) p@@
     {"3", "1000"}},
    {"notes", "after=W251bGwsIjMiXQ&order=score.desc",
     R"sql(select coalesce(json_agg(p.r), '[]')::text, count(*), null::bigint, case when count(*) = $2::bigint then ((array_agg(p.k))[count(*)])::text end from (select (select row_to_json(r1) from (select t0.*) r1) as r, json_build_array(t0."score"::text, t0."id"::text) as k from "api"."notes" t0 where (t0."score" is not null or (t0."score" is null and (t0."id" < $1::bigint or (t0."id" = $1::bigint and false)))) order by t0."score" desc, t0."id" desc limit $2::bigint) p@@
     {"3", "1000"}},
    {"note_labels", "after=WyIxIiwiMiJd",
     R"sql(select coalesce(json_agg(p.r), '[]')::text, count(*), null::bigint, case when count(*) = $3::bigint then ((array_agg(p.k))[count(*)])::text end from (select (select row_to_json(r1) from (select t0.*) r1) as r, json_build_array(t0."note_id"::text, t0."label_id"::text) as k from "api"."note_labels" t0 where (t0."note_id", t0."label_id") > ($1::bigint, $2::bigint) order by t0."note_id", t0."label_id" limit $3::bigint) p@@
     {"1", "2", "1000"}},
    {"note_labels", "after=WyIxIiwiMiJd&order=label_id.desc",
     R"sql(select coalesce(json_agg(p.r), '[]')::text, count(*), null::bigint, case when count(*) = $3::bigint then ((array_agg(p.k))[count(*)])::text end from (select (select row_to_json(r1) from (select t0.*) r1) as r, json_build_array(t0."label_id"::text, t0."note_id"::text) as k from "api"."note_labels" t0 where (t0."label_id", t0."note_id") < ($1::bigint, $2::bigint) order by t0."label_id" desc, t0."note_id" desc limit $3::bigint) p@@
     {"1", "2", "1000"}},
};
