// Draws every chart of the page into its figure. Expressions are interpreted, never compiled, so that the page's policy
// can forbid eval. Colours are CSS variables: light, dark and paper need no redrawing.
(function () {
  'use strict';
  const font = 'system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif';
  const config = {
    background: 'transparent',
    font: font,
    view: { stroke: 'transparent' },
    axis: {
      domainColor: 'var(--line)', tickColor: 'var(--line)', gridColor: 'var(--grid)',
      labelColor: 'var(--soft)', titleColor: 'var(--soft)', labelFontSize: 12, titleFontSize: 12,
      titleFontWeight: 'normal', titlePadding: 10
    },
    axisX: { titleAnchor: 'middle' },
    legend: {
      orient: 'top', direction: 'horizontal', labelColor: 'var(--ink)', titleColor: 'var(--soft)',
      labelFontSize: 12, labelLimit: 420, symbolStrokeWidth: 2.5, offset: 6
    }
  };
  const options = { renderer: 'svg', actions: false, ast: true, config: config, tooltip: { disableDefaultStyle: true } };

  const figures = Array.from(document.querySelectorAll('figure[data-chart]'));
  const drawing = figures.map(function (figure) {
    const specification = JSON.parse(figure.querySelector('script').textContent);
    const place = figure.querySelector('.chart');
    return vegaEmbed(place, specification, options).catch(function (error) {
      place.textContent = 'This chart could not be drawn: ' + error.message;
      throw error;
    });
  });
  Promise.allSettled(drawing).then(function (outcomes) {
    const failed = outcomes.filter(function (outcome) { return outcome.status !== 'fulfilled'; });
    document.documentElement.dataset.charts = failed.length === 0 ? 'drawn' : 'failed';
  });
})();
