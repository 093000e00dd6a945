// The page in a real browser: headless Chromium opens the file, draws it, and says what it wanted from the
// network. Chromium's own network log is the witness: a request made by a page carries an initiator, the
// browser's own do not.
#include <fstream>
#include <optional>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "reports/charts/charts.h"
#include "reports/html/html.h"
#include "tests/reports/sample_records.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace vhdlab::reports {
namespace {

std::optional<std::string> browser() {
  for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
    if (tests::has_program(name)) return name;
  }
  return std::nullopt;
}

#define SKIP_WITHOUT_BROWSER() \
  if (!browser())              \
  GTEST_SKIP() << "no chromium on PATH: the page was not opened (install the package 'chromium')"

struct Visit {
  std::string dom;                    // the document after its scripts have run
  std::vector<std::string> requests;  // what the page asked the network for
};

std::string read_text(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::vector<std::string> requests_of_page(const std::string& log_path) {
  std::vector<std::string> requests;
  const auto log = nlohmann::json::parse(read_text(log_path), nullptr, false);
  if (log.is_discarded()) {
    ADD_FAILURE() << "chromium's network log is not whole";
    return requests;
  }
  for (const auto& event : log["events"]) {
    if (!event.contains("params") || !event["params"].is_object()) continue;
    const auto& params = event["params"];
    if (!params.contains("url") || !params.contains("initiator")) continue;
    if (params["initiator"] != "not an origin") requests.push_back(params["url"].get<std::string>());
  }
  return requests;
}

Visit visit(const std::string& page) {
  const tests::TemporaryFolder folder;
  std::ofstream(folder.file("page.html")) << page;
  const std::vector<std::string> arguments = {
      *browser(),
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-dev-shm-usage",
      "--host-resolver-rules=MAP * ~NOTFOUND",  // nothing is reached, whoever asks
      "--user-data-dir=" + folder.file("profile"),
      "--log-net-log=" + folder.file("net.json"),
      "--window-size=1280,900",
      "--virtual-time-budget=20000",
      "--dump-dom",
      "file://" + folder.file("page.html")};
  const auto result = tests::run_program(arguments);
  if (!result || !result->succeeded()) {
    ADD_FAILURE() << "chromium failed: " << (result ? result->errors : result.error().text());
    return {};
  }
  return {.dom = result->output, .requests = requests_of_page(folder.file("net.json"))};
}

size_t count_of(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

// Every figure holds a drawing with marks in it.
void expect_drawn(const std::string& dom, const std::vector<Chart>& charts) {
  EXPECT_NE(dom.find("data-charts=\"drawn\""), std::string::npos);
  for (const Chart& chart : charts) {
    const size_t at = dom.find("<figure id=\"chart-" + chart.id + "\"");
    ASSERT_NE(at, std::string::npos) << chart.id;
    const std::string figure = dom.substr(at, dom.find("</figure>", at) - at);
    EXPECT_EQ(count_of(figure, "<svg "), 1U) << chart.id;
    const size_t marks = count_of(figure, "aria-roledescription=\"bar\"") +
                         count_of(figure, "aria-roledescription=\"line mark\"") +
                         count_of(figure, "aria-roledescription=\"point\"");
    EXPECT_GT(marks, 0U) << chart.id;
    EXPECT_EQ(figure.find("NaN"), std::string::npos) << chart.id;
  }
}

TEST(Page, SeesARequestWhenThereIsOne) {
  // Goal: the witness is awake. Method: a page that fetches an image, a script's fetch and a socket.
  SKIP_WITHOUT_BROWSER();
  const Visit seen = visit(
      "<!doctype html><img src='http://probe.invalid/x'><script>fetch('https://probe.invalid/y').catch(() => "
      "0)</script>");
  EXPECT_EQ(seen.requests.size(), 2U);
}

TEST(Page, DrawsEveryChartAndAsksForNothing) {
  // Goal: the report works offline, under its own policy. Method: open each kind of report.
  SKIP_WITHOUT_BROWSER();
  const std::vector<std::vector<RunRecord>> reports = {
      {samples::read_degradation()},
      {samples::merge_cost()},
      {samples::walk_or_index()},
      {samples::single_point()},
      {samples::read_degradation("engine"), samples::read_degradation("sim", 1.1)}};
  for (const std::vector<RunRecord>& records : reports) {
    const Visit seen = visit(render_html(records).value());
    expect_drawn(seen.dom, charts_of(records));
    EXPECT_TRUE(seen.requests.empty()) << seen.requests.front();
  }
}

TEST(Page, LetsNoScriptOfARecordRun) {
  // Goal: the policy holds even where escaping would not. Method: a foreign script and image put into the
  // finished page.
  SKIP_WITHOUT_BROWSER();
  std::string page = render_html(std::vector{samples::single_point()}).value();
  page.insert(
      page.find("</main>"),
      "<script>document.documentElement.dataset.broken = 'yes'</script><img src='http://probe.invalid/x'>");
  const Visit seen = visit(page);
  EXPECT_EQ(seen.dom.find("data-broken"), std::string::npos);
  EXPECT_TRUE(seen.requests.empty());
  EXPECT_NE(seen.dom.find("data-charts=\"drawn\""), std::string::npos);
}

TEST(Page, NeedsNoSidewaysScrollingOnAPhone) {
  // Goal: 380 pixels are enough. Method: the page in a frame of that width, measured by the page around it.
  SKIP_WITHOUT_BROWSER();
  const std::string page = render_html(std::vector{samples::read_degradation()}).value();
  std::string quoted;
  for (const char c : page) {
    quoted += c == '&' ? "&amp;" : c == '"' ? "&quot;" : std::string(1, c);
  }
  const Visit seen = visit(
      "<!doctype html><meta charset='utf-8'><iframe width='380' height='900' style='border:0' srcdoc=\"" +
      quoted +
      "\"></iframe><script>const poll = setInterval(() => {"
      "const framed = document.querySelector('iframe').contentDocument.documentElement;"
      "if (!framed.dataset.charts) return;"
      "clearInterval(poll);"
      "Object.assign(document.documentElement.dataset, {charts: framed.dataset.charts,"
      "  fits: framed.clientWidth <= 380 && framed.scrollWidth <= framed.clientWidth,"
      "  width: framed.scrollWidth + ' of ' + framed.clientWidth}) }, 50)</script>");
  const std::string root = seen.dom.substr(0, 200);
  EXPECT_NE(root.find("data-charts=\"drawn\""), std::string::npos) << root;
  EXPECT_NE(root.find("data-fits=\"true\""), std::string::npos) << root;
}

TEST(Page, ShowsFindingAndTablesWithoutScripts) {
  // Goal: reading needs no JavaScript. Method: the same page with its scripts taken out.
  SKIP_WITHOUT_BROWSER();
  std::string page = render_html(std::vector{samples::read_degradation()}).value();
  page.erase(page.find("<script>!function"), page.rfind("</script>") - page.find("<script>!function"));
  const Visit seen = visit(page);
  EXPECT_NE(seen.dom.find("<h1>Random 4 KiB reads keep"), std::string::npos);
  EXPECT_GT(count_of(seen.dom, "<table>"), 5U);
  EXPECT_EQ(seen.dom.find("data-charts="), std::string::npos);
}

}  // namespace
}  // namespace vhdlab::reports
