// Pages with controls: what a reader picks goes into the charts (Vega, drawn from _static/charts.js), one sentence and
// tables. The numbers are in the page, in thousandths; nothing is fetched from outside.
(() => {
  const home = document.currentScript.src.replace(/[^/]*$/, "");
  const value = (number) => (number == null ? null : number / 1000);
  const known = (number) => number != null && isFinite(number);
  const text = (number, digits = 3) => (!known(number) ? "–" : number >= 9.999 ? "10 or more" : signed(number.toFixed(digits)));
  const signed = (text) => (Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−"));
  const spread = ([estimate, low, high], digits = 3) => {
    const ends = known(low) ? ` [${text(low, digits)},\u00a0${text(high, digits)}]` : "";
    return known(estimate) ? text(estimate, digits) + ends : "too few";
  };
  const at = (curves, place) => curves.map((curve) => value(curve[place]));
  const capital = (words) => words[0].toUpperCase() + words.slice(1);

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, content] of Object.entries(attributes)) made.setAttribute(name, content);
    made.append(...children);
    return made;
  }

  // An absolute value from a signed one with its interval: it starts at 0 where 0 is not excluded.
  function absolute([estimate, low, high]) {
    if (!known(estimate)) return [null, null, null];
    if (!known(low)) return [Math.abs(estimate), null, null];
    const ends = [Math.abs(low), Math.abs(high)].sort((a, b) => a - b);
    return [Math.abs(estimate), low <= 0 && 0 <= high ? 0 : ends[0], ends[1]];
  }

  // How far a metric is from parity, and where its interval lies against the convention for it.
  const isRatio = (metric) => metric in window.fairlibCharts.ratios;
  const deviation = (metric, found) =>
    absolute(isRatio(metric) ? found.map((end) => (known(end) ? end - 1 : null)) : found);
  function verdict(metric, [, low, high]) {
    const { four_fifths: fifths, difference } = window.fairlibCharts.bands;
    const band = isRatio(metric) ? fifths : [-difference, difference];
    if (!known(low)) return "no interval";
    return low >= band[0] && high <= band[1] ? "inside" : high < band[0] || low > band[1] ? "outside" : "crosses an edge";
  }
  function bandName(metric) {
    const { four_fifths: fifths, difference } = window.fairlibCharts.bands;
    return isRatio(metric) ? fifths.join(" to ") : `±${difference}`;
  }
  const judged = (metric, found) => `${verdict(metric, found)} (${bandName(metric)})`;
  const distanceName = (metric) => (isRatio(metric) ? "parity deviation" : "absolute value");
  const edge = (metric) => window.fairlibCharts.bands[isRatio(metric) ? "deviation" : "difference"];
  const metricName = (metric) => window.fairlibCharts.ratios[metric] ?? window.fairlibCharts.differences[metric];

  const thresholds = {
    titles: {
      roc: "ROC curves; points: decisions at this threshold",
      rates: "Rates at this threshold",
      deviation: "Parity deviation over all thresholds (of a difference: its size)",
      ratios: "Ratios at this threshold",
    },
    choices(data, state) {
      const { strategies } = window.fairlibCharts;
      const attributes = Object.keys(data.groups).filter((name) => name !== "everybody");
      const segments = Object.keys(data.groups[state.attribute] ?? data.groups[attributes[0]] ?? {});
      const model = Object.values(Object.values(data.models)[0])[0];
      const ratios = model.ratios[state.attribute] ?? Object.values(model.ratios)[0] ?? {};
      return [
        ["strategy", "Strategy", Object.keys(data.models).map((name) => [name, strategies[name]])],
        ["seed", "Seed of the training run", Object.keys(data.models[state.strategy] ?? Object.values(data.models)[0])],
        ["attribute", "Attribute", attributes],
        ["segment", "Segment to follow", [["", "all of them"], ...segments.map((name) => [name, name])]],
        ["metric", "Fairness metric", Object.keys(ratios).map((name) => [name, metricName(name)]), data.metric],
        ["threshold", "Decision threshold", data.grid.map(String), "0.5"],
      ];
    },
    show(data, state) {
      const { rates: rateNames, short } = window.fairlibCharts;
      const place = data.grid.map(String).indexOf(state.threshold);
      const seeds = data.models[state.strategy], model = seeds[state.seed], { attribute, metric } = state;
      const rates = { ...model.rates[attribute], everybody: model.rates.everybody.everybody };
      const curves = { ...model.roc[attribute], everybody: model.roc.everybody.everybody };
      const picked = (group) => !state.segment || group === state.segment;
      const others = Object.keys(data.groups[attribute]).filter((name) => name !== data.privileged[attribute]);
      const against = `${others.length === 1 ? others[0] : "all others"} / ${data.privileged[attribute]}`;
      const found = Object.fromEntries(
        Object.entries(model.ratios[attribute] ?? {}).map(([name, values]) => [name, at(values, place)]),
      );
      const distance = found[metric] && deviation(metric, found[metric]);
      const line = (group, line, curves, whole) =>
        data.grid.map((x, i) => {
          const [y, low, high] = deviation(metric, at(curves, i));
          return { x, y, low: whole ? low : null, high: whole ? high : null, group, line, picked: whole };
        });
      const of = (run) => run.ratios[attribute]?.[metric];
      const lines = of(model)
        ? [
            ...line("this seed, with interval", state.seed, of(model), true),
            ...Object.entries(seeds)
              .filter(([seed, run]) => seed !== state.seed && of(run))
              .flatMap(([seed, run]) => line("other seeds", seed, of(run), false)),
          ]
        : data.grid.map((x) => ({ x, y: null, group: "too few to judge", picked: true }));
      const ratioRows = Object.entries(found).filter(([name]) => isRatio(name));
      const group = state.segment ? rates[state.segment] : rates.everybody;
      return {
        charts: {
          roc: {
            curves: Object.entries(curves).flatMap(([group, tpr]) =>
              tpr.map((y, i) => ({ group, fpr: i / (tpr.length - 1), tpr: value(y), picked: picked(group) })),
            ),
            now: Object.entries(rates).flatMap(([group, own]) => {
              const [fpr, fnr] = ["false_positive_rate", "false_negative_rate"].map((name) => at(own[name], place)[0]);
              return known(fpr) && known(fnr) ? [{ group, fpr, tpr: 1 - fnr, picked: picked(group) }] : [];
            }),
            chance: [{ fpr: 0, tpr: 0 }, { fpr: 1, tpr: 1 }],
          },
          rates: {
            rates: Object.keys(rateNames).flatMap((name) =>
              Object.entries(rates).map(([group, own]) => {
                const [estimate, low, high] = at(own[name], place);
                return { rate: rateNames[name], group, estimate, low, high, picked: picked(group) };
              }),
            ),
          },
          deviation: {
            lines,
            at: distance && known(distance[0]) ? [{ x: data.grid[place], y: distance[0] }] : [{ x: data.grid[place], y: null }],
            band: [{ from: 0, to: edge(metric) }],
          },
          ratios: {
            ratios: ratioRows.map(([name, [estimate, low, high]]) => ({
              ratio: short[name], group: "ratio", estimate, low, high, picked: name === metric || !isRatio(metric),
            })),
            band: [{ from: window.fairlibCharts.bands.four_fifths[0], to: window.fairlibCharts.bands.four_fifths[1] }],
          },
        },
        sentence: [
          `At threshold ${state.threshold}, ${window.fairlibCharts.strategies[state.strategy]}, seed ${state.seed}:`,
          distance
            ? `${metricName(metric)} of ${attribute} (${against}) ${spread(found[metric], 2)}, ${distanceName(metric)} ` +
              `${spread(distance, 2)}; interval and band: ${judged(metric, found[metric])}.`
            : `no fairness metric of ${attribute}: one of its sides is too small to judge.`,
          `${capital(state.segment || "everybody")}: ` +
            `${Object.keys(rateNames).map((name) => `${rateNames[name]} ${spread(at(group[name], place))}`).join(", ")}.`,
        ].join(" "),
        tables: [
          {
            caption: `Rates at threshold ${state.threshold}`,
            head: ["segment", "people", "windows", "positive", ...Object.values(rateNames)],
            rows: Object.entries(rates).map(([name, own]) => {
              const size = data.groups[attribute][name] ?? data.groups.everybody.everybody;
              const shown = Object.keys(rateNames).map((rate) => spread(at(own[rate], place)));
              return [name, size.people, size.windows, size.events, ...shown];
            }),
          },
          {
            caption: `Metrics of ${attribute} at threshold ${state.threshold}: ${against}`,
            head: ["metric", "value", "parity deviation", "interval and band"],
            rows: Object.entries(found).map(([name, values]) => [
              metricName(name), spread(values, 2), spread(deviation(name, values), 2), judged(name, values),
            ]),
          },
        ],
      };
    },
  };

  const dial = {
    titles: {
      auc: "AUC in each group, over the settings",
      deviation: "Parity deviation over the settings (of a difference: its size)",
      roc: "ROC curves at this setting (truth)",
      rates: "Rates at this setting, measured in the cohort",
    },
    choices(data, state) {
      const knob = data.knobs[state.knob] ?? Object.values(data.knobs)[0];
      const sizes = Object.keys(knob.measured);
      return [
        ["knob", "Knob to turn", Object.keys(data.knobs).map((name) => [name, name.replaceAll("_", " ")]), "noise"],
        ["windows", "Windows in the cohort", sizes, sizes.at(-1)],
        ["metric", "Fairness metric", Object.keys(knob.truth.ratios).map((name) => [name, metricName(name)])],
        ["setting", "Setting", knob.settings.map(String), String(knob.zero)],
      ];
    },
    show(data, state) {
      const { rates: rateNames } = window.fairlibCharts;
      const knob = data.knobs[state.knob], { metric } = state, settings = knob.settings;
      const place = settings.map(String).indexOf(state.setting), measured = knob.measured[state.windows];
      const names = { inside: data.segment, others: "all others" };
      const truth = (curve, i) => [value(curve[i]), null, null];
      const lines = (curve, group, of, own) =>
        settings.map((x, i) => {
          const [y, low, high] = own(of(curve, i));
          return { x, y, low, high, group, line: group, picked: true };
        });
      const same = (found) => found, far = (found) => deviation(metric, found);
      const ratio = { truth: truth(knob.truth.ratios[metric], place), measured: at(measured.ratios[metric], place) };
      const areas = Object.keys(names).map((side) => ({
        name: names[side],
        truth: truth(knob.truth[side].auc, place),
        measured: at(measured[side].auc, place),
      }));
      const x = settings[place];
      return {
        charts: {
          auc: {
            lines: Object.keys(names).flatMap((side) => [
              ...lines(knob.truth[side].auc, `${names[side]}, truth`, truth, same),
              ...lines(measured[side].auc, `${names[side]}, measured`, at, same),
            ]),
            at: areas.map((area) => ({ x, y: area.truth[0] })),
          },
          deviation: {
            lines: [
              ...lines(measured.ratios[metric], "measured, with interval", at, far),
              ...lines(knob.truth.ratios[metric], "truth", truth, far),
            ],
            at: [{ x, y: far(ratio.truth)[0] }],
            band: [{ from: 0, to: edge(metric) }],
          },
          roc: {
            curves: Object.keys(names).flatMap((side) =>
              knob.truth[side].roc[place].map((tpr, i, all) => ({
                group: names[side], fpr: i / (all.length - 1), tpr: value(tpr), picked: true,
              })),
            ),
            now: Object.keys(names).map((side) => ({
              group: names[side],
              fpr: value(knob.truth[side].false_positive_rate[place]),
              tpr: 1 - value(knob.truth[side].false_negative_rate[place]),
              picked: true,
            })),
            chance: [{ fpr: 0, tpr: 0 }, { fpr: 1, tpr: 1 }],
          },
          rates: {
            rates: Object.keys(rateNames).flatMap((name) =>
              Object.keys(names).map((side) => {
                const [estimate, low, high] = at(measured[side][name], place);
                return { rate: rateNames[name], group: names[side], estimate, low, high, picked: true };
              }),
            ),
          },
        },
        sentence:
          `${capital(state.knob.replaceAll("_", " "))} of ${data.attribute} ${data.segment} at ${state.setting} ` +
          `(${knob.unit}; ${knob.zero}: ${knob.at_zero}). ` +
          areas
            .map((a) => `AUC of ${a.name}: truth ${text(a.truth[0])}, measured ${spread(a.measured)}.`)
            .join(" ") +
          ` ${capital(metricName(metric))}: truth ${text(ratio.truth[0], 2)}, measured ${spread(ratio.measured, 2)}; ` +
          `${distanceName(metric)}: truth ${text(far(ratio.truth)[0], 2)}, measured ${spread(far(ratio.measured), 2)}; ` +
          `interval and band: ${judged(metric, ratio.measured)}.`,
        tables: [
          {
            caption: `AUC and rates at setting ${state.setting}: truth, and a cohort of ${state.windows} windows`,
            head: ["measure", ...Object.values(names).flatMap((name) => [`${name}: truth`, "measured"])],
            rows: ["auc", ...Object.keys(rateNames)].map((name) => [
              rateNames[name] ?? "AUC",
              ...Object.keys(names).flatMap((side) => [
                text(value(knob.truth[side][name][place])),
                spread(at(measured[side][name], place)),
              ]),
            ]),
          },
          {
            caption: `Metrics at setting ${state.setting}: ${data.segment} / all others`,
            head: ["metric", "truth", "measured", "parity deviation: truth", "measured", "interval and band"],
            rows: Object.keys(knob.truth.ratios).map((name) => {
              const true_ = truth(knob.truth.ratios[name], place), own = at(measured.ratios[name], place);
              const deviations = [text(deviation(name, true_)[0], 2), spread(deviation(name, own), 2)];
              return [metricName(name), text(true_[0], 2), spread(own, 2), ...deviations, judged(name, own)];
            }),
          },
        ],
      };
    },
  };

  function table({ caption, head, rows }) {
    const cells = (row) => row.map((cell, i) => element(i ? "td" : "th", i ? {} : { scope: "row" }, cell));
    const made = element(
      "table",
      { class: "fairlib-table" },
      element("caption", {}, element("strong", {}, caption)),
      element("thead", {}, element("tr", {}, ...head.map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", {}, ...rows.map((row) => element("tr", {}, ...cells(row)))),
    );
    const box = { class: "fairlib-table-box fairlib-scroll", tabindex: "0", role: "group", "aria-label": caption };
    return element("div", box, made);
  }

  async function start(box) {
    const data = JSON.parse(box.querySelector("script").textContent);
    const page = { thresholds, dial }[data.kind];
    const state = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
    const form = element("form", { class: "fairlib-controls", "aria-label": "What to show" });
    const said = element("p", { class: "fairlib-said", role: "status" });
    const panels = element("div", { class: "fairlib-panels" });
    const tables = element("div");
    const inputs = {}, views = {};
    form.addEventListener("submit", (event) => event.preventDefault());

    // A list of options with two values or more; the last of a page's controls that are numbers is a slider.
    function control([name, label, options]) {
      const slider = name === "threshold" || name === "setting";
      const id = `explorer-${name}`;
      const input = slider ? element("input", { type: "range", min: "0", step: "1", id }) : element("select", { id });
      const shown = element("span", { class: "fairlib-value", "aria-hidden": "true" }); // the slider says it itself
      const parts = [element("label", { for: id }, label), input, ...(slider ? [shown] : [])];
      form.append(element("div", { class: slider ? "fairlib-slider" : "" }, ...parts));
      input.addEventListener(slider ? "input" : "change", () => {
        state[name] = slider ? inputs[name].options[Number(input.value)] : input.value;
        update();
      });
      inputs[name] = { input, shown, slider, options };
    }

    // Options depend on what was picked before: put them in, and keep the choice where it is still there.
    function settle() {
      for (const [name, label, options, first] of page.choices(data, state)) {
        const pairs = options.map((option) => (Array.isArray(option) ? option : [option, option]));
        const values = pairs.map(([key]) => key);
        if (!inputs[name]) control([name, label, values]);
        const own = inputs[name];
        if (!values.includes(state[name])) state[name] = values.includes(first) ? first : values[0];
        if (own.slider) {
          own.options = values;
          own.input.max = String(values.length - 1);
          own.input.value = String(values.indexOf(state[name]));
          own.input.setAttribute("aria-valuetext", state[name]);
          own.shown.textContent = state[name];
        } else {
          if ([...own.input.options].map((o) => o.value).join() !== values.join())
            own.input.replaceChildren(...pairs.map(([key, words]) => new Option(words, key)));
          own.input.value = state[name];
        }
      }
    }

    function signals(sets) {
      const first = Object.values(sets)[0] ?? [];
      const groups = [...new Set(first.map((row) => row.group))];
      return sets.lines ? { groups, span: [first[0].x, first.at(-1).x] } : { groups };
    }

    function draw(name, sets) {
      for (const [signal, now] of Object.entries(signals(sets))) views[name].signal(signal, now);
      for (const [set, rows] of Object.entries(sets)) views[name].data(set, rows);
      views[name].runAsync();
    }

    // The first time the numbers are in the chart from the start: without any it would have no size.
    async function embed(name, sets, chart) {
      const spec = window.fairlibCharts.specs[name];
      const filled = spec.data.map((set) => (set.name in sets ? { ...set, values: sets[set.name] } : set));
      const now = signals(sets);
      const set = spec.signals.map((one) => (one.name in now ? { ...one, value: now[one.name] } : one));
      const options = { mode: "vega", renderer: "svg", actions: false };
      views[name] = (await window.fairlibCharts.vegaEmbed(chart, { ...spec, data: filled, signals: set }, options)).view;
    }

    function update() {
      settle();
      const found = page.show(data, state);
      for (const [name, sets] of Object.entries(found.charts)) if (views[name]) draw(name, sets);
      said.textContent = found.sentence;
      tables.replaceChildren(...found.tables.filter(({ rows }) => rows.length).map(table));
      const hash = `#${new URLSearchParams(state)}`;
      history.replaceState(null, "", hash);
      for (const link of document.querySelectorAll("main a[href*='explorer.html'], main a[href*='dial.html']"))
        link.hash = hash; // the same choices on the page of another case
    }

    box.append(form, said, panels, tables);
    update();
    for (const [name, title] of Object.entries(page.titles)) {
      const words = `${title}. The sentence above and the tables below say the same in words and numbers.`;
      const chart = element("div", { class: "fairlib-chart", "aria-hidden": "true" });
      const image = element("div", { role: "img", "aria-label": words }, chart);
      panels.append(element("figure", {}, element("figcaption", {}, title), image));
      await embed(name, page.show(data, state).charts[name], chart);
    }
    update(); // what was picked meanwhile
    box.dataset.ready = "yes";
  }

  document.addEventListener("DOMContentLoaded", () => {
    const boxes = document.querySelectorAll(".fairlib-explorer");
    if (!boxes.length) return;
    const script = element("script", { src: `${home}charts.js` });
    script.onload = () => boxes.forEach(start);
    script.onerror = () => boxes.forEach((box) => box.append("The charts need _static/charts.js; build the book again."));
    document.head.append(script);
  });
})();
