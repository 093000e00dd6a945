// What every page of this program is put together from; see page_parts.h.
#include "reports/html/page_parts.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "reports/html/assets.h"
#include "reports/html/sha256.h"

namespace vhdlab::reports {
namespace {

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

}  // namespace

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

namespace {

std::string cell_html(const Column& column, const Cell& cell, bool is_row_head) {
  std::string marks = column.numeric ? "number" : "";
  if (column.name == "met") marks = cell.text == "yes" ? "yes" : "no";
  const std::string tag = is_row_head ? "th" : "td";
  return fmt::format("<{}{}{}>{}{}</{}>", tag, is_row_head ? " scope=\"row\"" : "",
                     marks.empty() ? "" : fmt::format(" class=\"{}\"", marks), escaped(cell.text),
                     cell.detail.empty() ? "" : "<small>" + escaped(cell.detail) + "</small>", tag);
}

std::string chart_html(const Chart& chart) {
  return fmt::format(
      "<figure id=\"chart-{0}\" data-chart><figcaption><strong>{1}</strong> {2}</figcaption>\n"
      "<div class=\"chart\" role=\"img\" aria-label=\"{1}. {2} The tables below hold the same "
      "numbers.\"></div>\n"
      "<script type=\"application/json\">{3}</script></figure>\n",
      escaped(chart.id), escaped(chart.title), escaped(chart.description), without_tags(chart.specification));
}

}  // namespace

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

std::string page_head_html(std::string_view tool_version, std::string_view title) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"generator\" content=\"vhdlab {}\">\n<title>{} - vhdlab "
      "report</title>\n<style>\n{}</style>\n</head>\n<body>\n",
      security_policy(), escaped(tool_version), escaped(title), assets::page_style());
}

std::string charts_html(std::span<const Chart> charts) {
  if (charts.empty()) return "";
  std::string html =
      "<section>\n"
      "<h2>Charts</h2>\n"
      "<noscript><p class=\"message note\">The charts need JavaScript; the tables hold the same "
      "numbers.</p></noscript>\n"
      "<div class=\"charts\">\n";
  for (const Chart& chart : charts)
    html += chart_html(chart);
  return html + "</div>\n</section>\n";
}

std::string page_foot_html(std::string_view tool_version, std::string_view method, bool has_charts) {
  std::string html =
      fmt::format("<footer><p>Made by vhdlab {}. {}</p>\n", escaped(tool_version), escaped(method));
  if (has_charts) {
    html += "<details><summary>Charts by Vega, Vega-Lite and Vega-Embed</summary><pre>" +
            escaped(assets::vega_license()) + "</pre></details>\n";
  }
  html += "</footer>\n";
  if (has_charts) {
    for (const std::string_view script : scripts())
      html += fmt::format("<script>{}</script>\n", script);
  }
  return html + "</body>\n</html>\n";
}

}  // namespace vhdlab::reports
