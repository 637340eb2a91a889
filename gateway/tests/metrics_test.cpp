// What is counted, under which labels, and that neither requests nor the database can make new ones without end.
#include "metrics.hpp"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

namespace {

using gateway::Metrics;
using namespace std::chrono_literals;

bool says(Metrics &metrics, const std::string &line) {
    return ("\n" + metrics.prometheus_text()).find("\n" + line + "\n") != std::string::npos;
}

std::size_t lines(Metrics &metrics, const std::string &name) {
    const std::string text = metrics.prometheus_text();
    std::size_t found = 0;
    for (auto at = text.find("\n" + name + "{"); at != std::string::npos; at = text.find("\n" + name + "{", at + 1)) ++found;
    return found;
}

} // namespace

TEST(Metrics, CountRequestsByRouteMethodAndStatus) {
    Metrics metrics;
    metrics.count_request("/api/*", "GET", 200, 3ms);
    metrics.count_request("/api/*", "GET", 200, 700ms);
    metrics.count_request("other", "POST", 404, 1ms);
    EXPECT_TRUE(says(metrics, R"(tenancy_gateway_requests_total{method="GET",route="/api/*",status="200"} 2)"))
        << metrics.prometheus_text();
    EXPECT_TRUE(says(metrics, R"(tenancy_gateway_request_seconds_bucket{route="/api/*",le="0.005"} 1)"));
    EXPECT_TRUE(says(metrics, R"(tenancy_gateway_request_seconds_bucket{route="/api/*",le="+Inf"} 2)"));
}

TEST(Metrics, CountSignInsByTheirEnd) {
    Metrics metrics;
    for (const int status : {200, 401, 401, 429, 400, 503}) metrics.count_sign_in(status);
    for (const char *line : {R"({result="ok"} 1)", R"({result="refused"} 2)", R"({result="throttled"} 1)",
                             R"({result="malformed"} 1)", R"({result="failed"} 1)"})
        EXPECT_TRUE(says(metrics, std::string("tenancy_gateway_sign_ins_total") + line)) << line;
}

TEST(Metrics, KnowABoundedNumberOfSqlstates) {
    Metrics metrics;
    for (const char *sqlstate : {"42501", "42601", "XX000", "", "ZZ123", "'; --"}) metrics.count_database_error(sqlstate);
    for (const char *label : {"42501", "42xxx", "XXxxx", "connection"})
        EXPECT_TRUE(says(metrics, std::string("tenancy_gateway_database_errors_total{sqlstate=\"") + label + "\"} 1")) << label;
    EXPECT_TRUE(says(metrics, R"(tenancy_gateway_database_errors_total{sqlstate="other"} 2)"));
    for (int i = 0; i < 60'000; ++i) { // every code that RAISE could make up in the classes of letters and digits
        constexpr std::string_view digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        const std::string code = {digits[i / 1296 % 36], digits[i / 36 % 36], digits[i % 36], digits[i % 35], '7'};
        metrics.count_database_error(code);
    }
    EXPECT_LT(lines(metrics, "tenancy_gateway_database_errors_total"), 70u);
}

TEST(Metrics, NameNoTenantUnlessAsked) {
    Metrics quiet;
    quiet.count_answer("1");
    quiet.count_rows("1", 5);
    EXPECT_EQ(quiet.prometheus_text().find("gateway_tenant_"), std::string::npos);
    Metrics two(2);
    for (const char *tenant : {"1", "a b", "3", "4", "1"}) {
        two.count_answer(tenant);
        two.count_rows(tenant, 10);
    }
    two.count_rows("1", 3);
    EXPECT_TRUE(says(two, R"(tenancy_gateway_tenant_requests_total{tenant="1"} 2)"));
    EXPECT_TRUE(says(two, R"(tenancy_gateway_tenant_requests_total{tenant=""} 2)"));
    EXPECT_TRUE(says(two, R"(tenancy_gateway_tenant_rows_total{tenant="1"} 23)"));
    EXPECT_TRUE(says(two, R"(tenancy_gateway_tenant_rows_total{tenant="a b"} 10)"));
    EXPECT_TRUE(says(two, R"(tenancy_gateway_tenant_rows_total{tenant=""} 20)"));
    EXPECT_EQ(lines(two, "tenancy_gateway_tenant_requests_total"), 3u);
    EXPECT_EQ(lines(two, "tenancy_gateway_tenant_rows_total"), 3u);
}

TEST(Metrics, CountWhatAnAdminOfNoTenantSeesApart) {
    Metrics metrics(5);
    metrics.count_answer(std::nullopt);
    metrics.count_rows(std::nullopt, 25);
    EXPECT_TRUE(says(metrics, "tenancy_gateway_bypass_requests_total 1"));
    EXPECT_TRUE(says(metrics, "tenancy_gateway_bypass_rows_total 25"));
    EXPECT_EQ(metrics.prometheus_text().find("{tenant="), std::string::npos);
}

TEST(Metrics, TellTheSameAsJson) {
    Metrics metrics;
    metrics.set_levels([] { return Metrics::Levels{8, 3, 2, 1, 7, 0, 0, 0}; });
    metrics.count_answer(std::nullopt);
    metrics.count_wait(3ms);
    metrics.count_wait(5s);
    const auto told = nlohmann::json::parse(metrics.json());
    const auto entry = [&](const char *group, const std::string &key) {
        for (const auto &one : told.at(group))
            if (one.at("key") == key) return one;
        return nlohmann::json();
    };
    EXPECT_EQ(entry("counters", "tenancy_gateway_bypass_requests_total").at("value"), 1);
    EXPECT_EQ(entry("gauges", "tenancy_gateway_pool_in_use").at("value"), 3);
    const auto wait = entry("histograms", "tenancy_gateway_pool_wait_seconds").at("value");
    EXPECT_EQ(wait.at("count"), 2);
    EXPECT_EQ(wait.at("buckets").at(2), nlohmann::json({0.005, 1}));
    EXPECT_EQ(wait.at("buckets").back(), nlohmann::json({nullptr, 1}));
    EXPECT_TRUE(says(metrics, "tenancy_gateway_pool_waiting 1"));
}
