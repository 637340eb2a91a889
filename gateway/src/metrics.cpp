#include "metrics.hpp"

#include <nlohmann/json.hpp>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace gateway {

namespace {

using prometheus::Histogram;
const Histogram::BucketBoundaries request_buckets = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
const Histogram::BucketBoundaries wait_buckets = {0.0001, 0.001, 0.005, 0.025, 0.1, 0.5, 1, 2};
const Histogram::BucketBoundaries lifetime_buckets = {1, 10, 60, 300, 900, 1800, 3600};

// A function of the database may raise any SQLSTATE, so only these get a label of their own.
constexpr std::array<std::string_view, 20> known_codes = {
    "22P02", "23502", "23503", "23505", "23514", "25006", "28000", "28P01", "40001", "40P01",
    "42501", "42703", "42883", "42P01", "53300", "53400", "55P03", "57014", "57P01", "P0001"};
constexpr std::array<std::string_view, 36> known_classes = {
    "01", "02", "03", "08", "09", "0A", "0B", "0F", "0L", "0P", "0Z", "20", "21", "22", "23", "24", "25", "26",
    "27", "28", "2B", "2D", "2F", "34", "38", "39", "3B", "3D", "3F", "40", "42", "44", "53", "54", "55", "57"};
constexpr std::array<std::string_view, 6> known_system_classes = {"58", "72", "F0", "HV", "P0", "XX"};

template <typename List>
bool holds(const List &list, std::string_view item) {
    return std::find(list.begin(), list.end(), item) != list.end();
}

std::string sqlstate_label(std::string_view sqlstate) {
    if (sqlstate.empty()) return "connection";
    if (holds(known_codes, sqlstate)) return std::string(sqlstate);
    const auto its_class = sqlstate.substr(0, 2);
    if (holds(known_classes, its_class) || holds(known_system_classes, its_class)) return std::string(its_class) + "xxx";
    return "other";
}

const char *sign_in_label(int status) {
    if (status == 200) return "ok";
    if (status == 401) return "refused";
    if (status == 429) return "throttled";
    return status < 500 ? "malformed" : "failed";
}

prometheus::Family<prometheus::Counter> &counter(prometheus::Registry &registry, const char *name, const char *help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Family<Histogram> &histogram(prometheus::Registry &registry, const char *name, const char *help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

nlohmann::json histogram_json(const prometheus::ClientMetric::Histogram &from) {
    nlohmann::json buckets = nlohmann::json::array();
    std::uint64_t before = 0;
    for (const auto &bucket : from.bucket) {
        const nlohmann::json bound = std::isinf(bucket.upper_bound) ? nlohmann::json() : nlohmann::json(bucket.upper_bound);
        buckets.push_back({bound, bucket.cumulative_count - before});
        before = bucket.cumulative_count;
    }
    return {{"buckets", std::move(buckets)}, {"sum", from.sample_sum}, {"count", from.sample_count}};
}

} // namespace

Metrics::Metrics(unsigned tenants)
    : requests_(counter(registry_, "tenancy_gateway_requests_total", "Answered requests.")),
      latency_(histogram(registry_, "tenancy_gateway_request_seconds", "Time from a complete request to its answer.")),
      sign_ins_(counter(registry_, "tenancy_gateway_sign_ins_total", "Attempts to sign in, by their end.")),
      refusals_(counter(registry_, "tenancy_gateway_refusals_total", "Requests that reached no route.")),
      database_errors_(counter(registry_, "tenancy_gateway_database_errors_total", "Errors of the database, by SQLSTATE.")),
      bypass_(counter(registry_, "tenancy_gateway_bypass_requests_total",
                      "Answers of rows to an admin who has chosen no tenant, and sees them all.").Add({})),
      bypass_rows_(counter(registry_, "tenancy_gateway_bypass_rows_total",
                           "Rows read or changed by an admin who has chosen no tenant.").Add({})),
      wait_(histogram(registry_, "tenancy_gateway_pool_wait_seconds", "Time that a request waited for a database connection.")
                .Add({}, wait_buckets)),
      lifetime_(histogram(registry_, "tenancy_gateway_pool_connection_seconds", "Age of database connections at their end.")
                    .Add({}, lifetime_buckets)),
      most_tenants_(tenants) {
    if (most_tenants_ > 0)
        tenants_.emplace(OfTenants{
            counter(registry_, "tenancy_gateway_tenant_requests_total", "Answers of rows, by tenant."),
            counter(registry_, "tenancy_gateway_tenant_rows_total", "Rows read or changed, by tenant.")});
}

void Metrics::count_request(std::string_view route, std::string_view method, int status, Seconds took) {
    const OfRequests &counted = of_requests(route, method, status);
    counted.answers.Increment();
    counted.latency.Observe(took.count());
}

// prometheus-cpp builds and hashes a map of labels each time it is asked for a counter; what it answers stays where it is.
const Metrics::OfRequests &Metrics::of_requests(std::string_view route, std::string_view method, int status) {
    const std::lock_guard lock(requests_mutex_);
    if (const auto found = of_requests_.find(std::tuple(route, method, status)); found != of_requests_.end()) return found->second;
    const std::string name(route);
    const std::string verb(method);
    const OfRequests made{requests_.Add({{"route", name}, {"method", verb}, {"status", std::to_string(status)}}),
                          latency_.Add({{"route", name}}, request_buckets)};
    return of_requests_.emplace(std::tuple(name, verb, status), made).first->second;
}

void Metrics::count_sign_in(int status) { sign_ins_.Add({{"result", sign_in_label(status)}}).Increment(); }

void Metrics::count_refusal(int status) { refusals_.Add({{"status", std::to_string(status)}}).Increment(); }

void Metrics::count_database_error(std::string_view sqlstate) {
    database_errors_.Add({{"sqlstate", sqlstate_label(sqlstate)}}).Increment();
}

void Metrics::count_answer(const std::optional<std::string> &tenant) {
    if (!tenant) bypass_.Increment();
    else if (tenants_) tenants_->answers.Add({{"tenant", tenant_label(*tenant)}}).Increment();
}

void Metrics::count_rows(const std::optional<std::string> &tenant, std::int64_t rows) {
    const auto counted = static_cast<double>(rows);
    if (!tenant) bypass_rows_.Increment(counted);
    else if (tenants_) tenants_->rows.Add({{"tenant", tenant_label(*tenant)}}).Increment(counted);
}

// A tenant's id may be any text, "other" too: the label with the empty id stands for the rest.
std::string Metrics::tenant_label(const std::string &tenant) {
    const std::lock_guard lock(tenants_mutex_);
    if (known_tenants_.contains(tenant)) return tenant;
    if (known_tenants_.size() >= most_tenants_) return {};
    return *known_tenants_.insert(tenant).first;
}

std::vector<prometheus::MetricFamily> Metrics::collect() {
    std::vector<prometheus::MetricFamily> families = registry_.Collect();
    if (!levels_) return families;
    const Levels now = levels_();
    const auto add = [&](const char *name, const char *help, std::size_t value) {
        prometheus::MetricFamily family{name, help, prometheus::MetricType::Gauge, {}};
        family.metric.emplace_back().gauge.value = static_cast<double>(value);
        families.push_back(std::move(family));
    };
    add("tenancy_gateway_pool_size", "Database connections at most.", now.pool_size);
    add("tenancy_gateway_pool_in_use", "Database connections that requests have.", now.pool_in_use);
    add("tenancy_gateway_pool_idle", "Database connections that wait for requests.", now.pool_idle);
    add("tenancy_gateway_pool_waiting", "Requests that wait for a database connection.", now.pool_waiting);
    add("tenancy_gateway_open_connections", "Connections of clients.", now.open_connections);
    add("tenancy_gateway_buffered_bytes", "Bytes of requests and answers in memory.", now.buffered_bytes);
    add("tenancy_gateway_sign_ins_running", "Password checks under way.", now.sign_ins_running);
    add("tenancy_gateway_sign_ins_waiting", "Sign-ins that wait for their turn.", now.sign_ins_waiting);
    return families;
}

std::string Metrics::prometheus_text() { return prometheus::TextSerializer().Serialize(collect()); }

std::string Metrics::json() {
    nlohmann::json groups = {{"counters", nlohmann::json::array()},
                             {"gauges", nlohmann::json::array()},
                             {"histograms", nlohmann::json::array()}};
    for (const auto &family : collect()) {
        for (const auto &metric : family.metric) {
            nlohmann::json entry = {{"key", family.name}, {"labels", nlohmann::json::object()}, {"description", family.help}};
            for (const auto &label : metric.label) entry["labels"][label.name] = label.value;
            if (family.type == prometheus::MetricType::Counter) entry["value"] = metric.counter.value;
            else if (family.type == prometheus::MetricType::Gauge) entry["value"] = metric.gauge.value;
            else entry["value"] = histogram_json(metric.histogram);
            const char *group = family.type == prometheus::MetricType::Counter ? "counters"
                                : family.type == prometheus::MetricType::Gauge ? "gauges"
                                                                               : "histograms";
            groups[group].push_back(std::move(entry));
        }
    }
    return groups.dump();
}

} // namespace gateway
