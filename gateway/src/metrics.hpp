// What operators count. Every label comes from a fixed list (route templates, statuses, SQLSTATEs that are known), so no
// request can make the metrics grow. Tenants appear only when asked for, and only so many of them.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace gateway {

class Metrics {
public:
    using Seconds = std::chrono::duration<double>;

    explicit Metrics(unsigned tenants = 0); // how many tenants get a label of their own; 0: none is told

    // `route` is a template, as the route table writes it, never a path.
    void count_request(std::string_view route, std::string_view method, int status, Seconds took);
    void count_sign_in(int status);
    void count_refusal(int status); // before any route: malformed, too large, too late, too many
    void count_database_error(std::string_view sqlstate); // empty: the connection failed
    // An answer of rows, and the rows that were read or changed for it; a stream counts them as they come. Without a tenant:
    // for an admin who has chosen none.
    void count_answer(const std::optional<std::string> &tenant);
    void count_rows(const std::optional<std::string> &tenant, std::int64_t rows);
    void count_wait(Seconds waited) { wait_.Observe(waited.count()); }
    void count_closed_connection(Seconds age) { lifetime_.Observe(age.count()); }

    // What is read off at the time of asking. Set before the first question; called by any thread.
    struct Levels {
        std::size_t pool_size = 0;
        std::size_t pool_in_use = 0;
        std::size_t pool_idle = 0;
        std::size_t pool_waiting = 0;
        std::size_t open_connections = 0;
        std::size_t buffered_bytes = 0;
        std::size_t sign_ins_running = 0;
        std::size_t sign_ins_waiting = 0;
    };
    void set_levels(std::function<Levels()> levels) { levels_ = std::move(levels); }

    std::string prometheus_text();
    std::string json(); // {"counters": […], "gauges": […], "histograms": […]}

private:
    struct OfTenants {
        prometheus::Family<prometheus::Counter> &answers;
        prometheus::Family<prometheus::Counter> &rows;
    };

    struct OfRequests {
        prometheus::Counter &answers;
        prometheus::Histogram &latency;
    };

    const OfRequests &of_requests(std::string_view route, std::string_view method, int status);
    std::vector<prometheus::MetricFamily> collect();
    std::string tenant_label(const std::string &tenant);

    prometheus::Registry registry_;
    prometheus::Family<prometheus::Counter> &requests_;
    prometheus::Family<prometheus::Histogram> &latency_;
    prometheus::Family<prometheus::Counter> &sign_ins_;
    prometheus::Family<prometheus::Counter> &refusals_;
    prometheus::Family<prometheus::Counter> &database_errors_;
    prometheus::Counter &bypass_;
    prometheus::Counter &bypass_rows_;
    prometheus::Histogram &wait_;
    prometheus::Histogram &lifetime_;
    std::optional<OfTenants> tenants_;
    std::function<Levels()> levels_;
    std::mutex requests_mutex_;
    std::map<std::tuple<std::string, std::string, int>, OfRequests, std::less<>> of_requests_;
    const unsigned most_tenants_;
    std::mutex tenants_mutex_;
    std::set<std::string, std::less<>> known_tenants_;
};

} // namespace gateway
