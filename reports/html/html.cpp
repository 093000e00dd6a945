// Putting the page together: sentences, tables, charts, and the parts the program carries.
#include "reports/html/html.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "reports/charts/charts.h"
#include "reports/export/record_tables.h"
#include "reports/findings/findings.h"
#include "reports/findings/sweep_view.h"
#include "reports/html/page_parts.h"

namespace vhdlab::reports {
namespace {

std::vector<std::string> findings_of(const RunRecord& record) {
  return record.findings.empty() ? find_out(record) : record.findings;
}

std::string messages_html(const RunRecord& record) {
  std::string html;
  if (record.verification.sectors_wrong != 0) {
    html += fmt::format("<p class=\"message wrong\"><strong>Wrong data was read.</strong> {}</p>\n",
                        escaped(record.verification.first_wrong));
  }
  for (const Note& note : record.notes) {
    const bool warning = note.severity == Note::Severity::warning;
    html += fmt::format("<p class=\"message{}\"><strong>{}</strong> {}</p>\n", warning ? "" : " note",
                        warning ? "Warning." : "Note.", escaped(note.text));
  }
  if (!record.expectations.empty()) html += table_html(expectation_table(record));
  return html;
}

class Page {
 public:
  explicit Page(std::span<const RunRecord> records) : records_(records) {
    std::vector<const RunRecord*> pointers;
    for (const RunRecord& record : records)
      pointers.push_back(&record);
    names_ = run_names(pointers);
  }

  std::string make() {
    add_head();
    add_finding();
    add_answer();
    add_charts();
    add_method();
    add_all_tables();
    add_foot();
    return std::move(html_);
  }

 private:
  [[nodiscard]] bool several() const { return records_.size() > 1; }

  void add_run_heading(size_t run) {
    if (several()) html_ += fmt::format("<h3>{}</h3>\n", escaped(names_[run]));
  }

  void add_head() {
    std::string title = records_.front().scenario_name;
    if (several()) title += fmt::format(" and {} more", records_.size() - 1);
    html_ += page_head_html(records_.front().tool_version, title);
  }

  static std::string run_line(const RunRecord& record) {
    std::string line = escaped(record.scenario_name);
    for (const std::string& part : {record.target + " target", record.environment.cpu, record.started_at}) {
      if (!part.empty()) line += " &middot; " + escaped(part);
    }
    return line;
  }

  void add_finding() {
    html_ += "<header>\n";
    for (size_t run = 0; run < records_.size(); ++run) {
      const RunRecord& record = records_[run];
      html_ += "<p class=\"run\">" + run_line(record) + "</p>\n";
      const std::vector<std::string> findings = findings_of(record);
      for (size_t i = 0; i < findings.size(); ++i) {
        const bool headline = i == 0 && run == 0;
        html_ += headline ? "<h1>" + escaped(findings[i]) + "</h1>\n"
                          : "<p class=\"finding\">" + escaped(findings[i]) + "</p>\n";
      }
    }
    const std::string& question = records_.front().scenario_question;
    if (!question.empty()) html_ += "<p class=\"question\">The question was: " + escaped(question) + "</p>\n";
    html_ += "</header>\n<main>\n";
  }

  void add_answer() {
    html_ += "<section aria-label=\"The answer in numbers\">\n";
    for (size_t run = 0; run < records_.size(); ++run) {
      add_run_heading(run);
      html_ += messages_html(records_[run]);
      for (const Table& table : headline_tables(records_[run]))
        html_ += table_html(table);
    }
    html_ += "</section>\n";
  }

  void add_charts() {
    charts_ = charts_of(records_);
    html_ += charts_html(charts_);
  }

  void add_method() {
    html_ += "<section>\n<h2>How it was measured</h2>\n";
    for (size_t run = 0; run < records_.size(); ++run) {
      const RunRecord& record = records_[run];
      add_run_heading(run);
      html_ += table_html(workload_table(record)) + table_html(environment_table(record));
      if (!record.scenario_source.empty()) {
        html_ += details_html("The scenario, as it ran",
                              "<pre tabindex=\"0\">" + escaped(record.scenario_source) + "</pre>\n");
      }
    }
    html_ += "</section>\n";
  }

  void add_all_tables() {
    html_ += "<section>\n<h2>All numbers</h2>\n";
    for (size_t run = 0; run < records_.size(); ++run) {
      const RunRecord& record = records_[run];
      add_run_heading(run);
      for (const Table& table : metric_tables(record))
        html_ += details_html(table.title, table_html(table));
      for (const Table& table : {space_table(record), traffic_table(record)}) {
        html_ += details_html(table.title, table_html(table));
      }
    }
    html_ += "</section>\n</main>\n";
  }

  void add_foot() {
    html_ += page_foot_html(
        records_.front().tool_version,
        std::ranges::all_of(records_, is_in_virtual_time)
            ? "In virtual time: the figures follow from the scenario, the device and the seed, and every "
              "repeat gives the same."
            : "Medians and intervals: with 2 to 5 repeats an interval is their range, with 6 or more it "
              "holds the true median with 95 % confidence.",
        !charts_.empty());
  }

  std::span<const RunRecord> records_;
  std::vector<std::string> names_;
  std::vector<Chart> charts_;
  std::string html_;
};

}  // namespace

Result<std::string> render_html(std::span<const RunRecord> records) {
  if (records.empty()) {
    return failure(ErrorKind::invalid_argument, "report-empty", "there is no result to report",
                   "name the folder of a run: 'vhdlab report DIR'");
  }
  return Page(records).make();
}

}  // namespace vhdlab::reports
