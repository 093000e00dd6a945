// Putting the page together: sentences, tables, charts, and the parts the program carries.
#include "reports/html/html.h"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "reports/charts/charts.h"
#include "reports/export/record_tables.h"
#include "reports/findings/findings.h"
#include "reports/findings/sweep_view.h"
#include "reports/html/assets.h"
#include "reports/html/sha256.h"

namespace vhdlab::reports {
namespace {

// Text as HTML shows it, in elements and in quoted attributes.
std::string escaped(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        // Other control characters are not allowed in HTML at all.
        if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') {
          safe += "\uFFFD";
        } else {
          safe += c;
        }
    }
  }
  return safe;
}

// JSON that may stand inside a script element: no "<", so neither an end tag nor a comment can begin.
std::string without_tags(std::string_view json) {
  std::string safe;
  safe.reserve(json.size());
  for (const char c : json) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

// A library as it goes into the page: without the note that points debuggers to a file on a server.
std::string_view library(std::string_view script) {
  const size_t note = script.rfind("//# sourceMappingURL=");
  return note == std::string_view::npos ? script : script.substr(0, note);
}

std::array<std::string_view, 4> scripts() {
  return {library(assets::vega()), library(assets::vega_lite()), library(assets::vega_embed()),
          assets::page_script()};
}

// Nothing may be fetched; of scripts, only these four may run; styles come from the page and from the charts.
std::string security_policy() {
  std::string policy =
      "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src 'unsafe-inline'; "
      "script-src";
  for (const std::string_view script : scripts())
    policy += fmt::format(" 'sha256-{}'", sha256_base64(script));
  return policy;
}

std::string cell_html(const Column& column, const Cell& cell, bool is_row_head) {
  std::string marks = column.numeric ? "number" : "";
  if (column.name == "met") marks = cell.text == "yes" ? "yes" : "no";
  const std::string tag = is_row_head ? "th" : "td";
  return fmt::format("<{}{}{}>{}{}</{}>", tag, is_row_head ? " scope=\"row\"" : "",
                     marks.empty() ? "" : fmt::format(" class=\"{}\"", marks), escaped(cell.text),
                     cell.detail.empty() ? "" : "<small>" + escaped(cell.detail) + "</small>", tag);
}

std::string table_html(const Table& table) {
  if (table.rows.empty()) return "";
  std::string html = fmt::format(
      "<div class=\"scroll\" role=\"region\" tabindex=\"0\" "
      "aria-label=\"{0}\"><table>\n<caption>{0}{1}</caption>\n",
      escaped(table.title),
      table.note.empty() ? "" : "<span class=\"about\">" + escaped(table.note) + "</span>");
  if (std::ranges::any_of(table.columns, [](const Column& column) { return !column.title.empty(); })) {
    html += "<thead><tr>";
    for (const Column& column : table.columns) {
      html += fmt::format("<th scope=\"col\"{}>{}</th>", column.numeric ? " class=\"number\"" : "",
                          escaped(column.title));
    }
    html += "</tr></thead>\n";
  }
  html += "<tbody>\n";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (size_t c = 0; c < row.size(); ++c)
      html += cell_html(table.columns[c], row[c], c == 0);
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string details_html(std::string_view summary, const std::string& content) {
  if (content.empty()) return "";
  return fmt::format("<details><summary>{}</summary>\n{}</details>\n", escaped(summary), content);
}

std::string chart_html(const Chart& chart) {
  return fmt::format(
      "<figure id=\"chart-{0}\" data-chart><figcaption><strong>{1}</strong> {2}</figcaption>\n"
      "<div class=\"chart\" role=\"img\" aria-label=\"{1}. {2} The tables below hold the same "
      "numbers.\"></div>\n"
      "<script type=\"application/json\">{3}</script></figure>\n",
      escaped(chart.id), escaped(chart.title), escaped(chart.description), without_tags(chart.specification));
}

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
    html_ += fmt::format(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"generator\" content=\"vhdlab {}\">\n<title>{} - vhdlab "
        "report</title>\n<style>\n{}</style>\n</head>\n<body>\n",
        security_policy(), escaped(records_.front().tool_version), escaped(title), assets::page_style());
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
    if (charts_.empty()) return;
    html_ +=
        "<section>\n<h2>Charts</h2>\n<noscript><p class=\"message note\">The charts need JavaScript; the "
        "tables hold the same "
        "numbers.</p></noscript>\n<div class=\"charts\">\n";
    for (const Chart& chart : charts_)
      html_ += chart_html(chart);
    html_ += "</div>\n</section>\n";
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
    html_ += fmt::format("<footer><p>Made by vhdlab {}. Medians and intervals: {}</p>\n",
                         escaped(records_.front().tool_version),
                         "with 2 to 5 repeats an interval is their range, with 6 or more it holds the true "
                         "median with 95 % confidence.");
    if (!charts_.empty()) {
      html_ += "<details><summary>Charts by Vega, Vega-Lite and Vega-Embed</summary><pre>" +
               escaped(assets::vega_license()) + "</pre></details>\n";
    }
    html_ += "</footer>\n";
    if (!charts_.empty()) {
      for (const std::string_view script : scripts())
        html_ += fmt::format("<script>{}</script>\n", script);
    }
    html_ += "</body>\n</html>\n";
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
