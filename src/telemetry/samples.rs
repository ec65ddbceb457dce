//! Samples of one metric in the encoder of the library.

use super::families::Family;
use super::format::EXEMPLAR_LABEL;
use crate::domain::FixedHistogram;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabel, EncodeLabelSet, LabelSetEncoder, MetricEncoder, NoLabelSet,
};
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

/// Labels of one series.
pub(super) type Labels<'a> = Vec<(&'static str, Cow<'a, str>)>;

/// Writes the metadata of metrics, and their samples.
pub(super) struct Samples<'e> {
    pub encoder: DescriptorEncoder<'e>,
    /// Whether histograms have exemplars.
    pub with_exemplars: bool,
}

impl Samples<'_> {
    fn begin(&mut self, family: &'static Family) -> Result<MetricEncoder<'_>, fmt::Error> {
        self.encoder
            .encode_descriptor(family.name, family.help, None, family.kind)
    }

    /// Writes a counter; values only grow.
    pub fn counters<'a>(
        &mut self,
        family: &'static Family,
        rows: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> fmt::Result {
        let mut metric = self.begin(family)?;
        for (labels, value) in rows {
            if labels.is_empty() {
                metric.encode_counter::<NoLabelSet, f64, f64>(&value, None)?;
            } else {
                metric
                    .encode_family(&labels)?
                    .encode_counter::<NoLabelSet, f64, f64>(&value, None)?;
            }
        }
        Ok(())
    }

    /// Writes a gauge.
    pub fn gauges<'a>(
        &mut self,
        family: &'static Family,
        rows: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> fmt::Result {
        let mut metric = self.begin(family)?;
        for (labels, value) in rows {
            if labels.is_empty() {
                metric.encode_gauge(&value)?;
            } else {
                metric.encode_family(&labels)?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }

    /// Writes an info.
    pub fn info(&mut self, family: &'static Family, labels: &Labels<'_>) -> fmt::Result {
        self.begin(family)?.encode_info(labels)
    }

    /// Writes a histogram.
    pub fn histograms<'a>(
        &mut self,
        family: &'static Family,
        rows: impl IntoIterator<Item = (Labels<'a>, &'a FixedHistogram)>,
    ) -> fmt::Result {
        let with_exemplars = self.with_exemplars;
        let mut metric = self.begin(family)?;
        for (labels, histogram) in rows {
            let buckets: Vec<(f64, u64)> = histogram.buckets().collect();
            let labels = HistogramLabels {
                labels: &labels,
                exemplars: with_exemplars.then_some(histogram),
                lines: Cell::new(0),
            };
            metric
                .encode_family(&labels)?
                .encode_histogram::<NoLabelSet>(
                    histogram.sum(),
                    histogram.count(),
                    &buckets,
                    None,
                )?;
        }
        Ok(())
    }
}

/// Lines of a histogram before its first bucket: the sum and the count.
const LINES_BEFORE_BUCKETS: usize = 2;

/// The labels of a histogram; they are written once for each of its lines. Those of a bucket have its
/// exemplar as the last one.
struct HistogramLabels<'a> {
    labels: &'a [(&'static str, Cow<'a, str>)],
    exemplars: Option<&'a FixedHistogram>,
    /// Number of lines so far.
    lines: Cell<usize>,
}

impl EncodeLabelSet for HistogramLabels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        for label in self.labels {
            label.encode(encoder.encode_label())?;
        }
        let line = self.lines.replace(self.lines.get() + 1);
        let bucket = line.checked_sub(LINES_BEFORE_BUCKETS);
        let exemplar = bucket.and_then(|bucket| self.exemplars?.exemplar(bucket));
        let Some(exemplar) = exemplar else {
            return Ok(());
        };
        let seconds = exemplar.at.micros() as f64 / 1e6;
        let text = format!("{} {} {seconds:.3}", exemplar.decision, exemplar.value);
        (EXEMPLAR_LABEL, text).encode(encoder.encode_label())
    }
}
