"""Eight invented papers with lines as a model writes them, some of them wrong."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.records import Lines, Paper
from tests.desks import Room, a_desk
from tests.digests import a_paper


@dataclass(frozen=True)
class Text:
    """What is written of one paper."""

    title: str
    abstract: str
    en: str
    zh: str

    @property
    def lines(self) -> Lines:
        return {"en": self.en, "zh": self.zh}


TEXTS = (
    Text(
        "TideFormer: One Transfer-Learned Model for the Currents of Four Hundred Harbours",
        "Currents in a harbour are usually forecast by a model that was calibrated for that "
        "harbour alone, which takes months of gauge readings. We present TideFormer, a "
        "transformer with 48 million parameters that is pretrained on simulated flows of 412 "
        "harbours and then adapted to a new one with as few as 20 gauge readings. On the "
        "HarbourBench collection the adapted model has a mean error of 4.1 cm/s, against 6.8 "
        "cm/s for a calibrated setup and 9.3 cm/s for a persistence forecast. Adapting takes 11 "
        "minutes on a single GPU. Errors grow in harbours with more than 3 inlets.",
        "TideFormer, pretrained on simulated flows of 412 harbours, adapts to a new one with 20 "
        "gauge readings and lowers the mean current error from 6.8 to 4.1 cm/s on HarbourBench.",
        "TideFormer 先在 412 个港口的模拟水流上预训练，只用 20 次验潮读数即可适配新港口，"
        "在 HarbourBench 上把平均流速误差从 6.8 cm/s 降到 4.1 cm/s。",
    ),
    Text(
        "Reading Lighthouse Logs with Small Language Models",
        "Keepers of lighthouses wrote down fog, wind and passing ships for two centuries, and "
        "most of their logs were never transcribed. We fine-tune a language model of 1.3 "
        "billion parameters on 9,400 transcribed pages and let it read a further 310,000 pages. "
        "On 500 held-out pages it reads 96.2% of the words correctly, 7 points more than "
        "LampReader, and tells fog from haze in 88% of the entries. The transcripts and the "
        "model are released.",
        "A 1.3-billion-parameter model fine-tuned on 9,400 pages of lighthouse logs reads 98.2% "
        "of the words of held-out pages correctly, 7 points more than LampReader.",
        "在 9400 页灯塔日志上微调的 13 亿参数模型，能正确识别留出页面中 96.2% 的词，"
        "比 LampReader 高 7 个百分点。",
    ),
    Text(
        "Meta-Learning Mooring Loads from Three Storms",
        "A moored ship pulls at its lines in ways that depend on the berth. MoorMeta learns to "
        "predict mooring loads at a new berth from the records of three storms. It is "
        "meta-trained on 36 berths in 5 ports and halves the error of a physical model at 8 "
        "berths that were kept apart. Two storms are enough where the berth is sheltered.",
        "MoorMeta is meta-trained on 36 berths and predicts the mooring loads of a new berth "
        "from three storms, with half the error of HawserSim.",
        "MoorMeta 在 36 个泊位上进行元学习，只需三次风暴的记录就能预测新泊位的系泊载荷，"
        "误差为物理模型的一半。",
    ),
    Text(
        "Instruction Tuning for Harbour Pilots' Radio: A Corpus and a Warning",
        "We collect 2,100 hours of harbour radio, transcribe them and turn them into 18,000 "
        "instructions. A model tuned on them answers 74% of pilots' questions as pilots did, and "
        "misunderstands 9% of the orders in ways that would matter. Most of these are orders "
        "that a speaker takes back in the same breath. We argue that such models must not be "
        "used on the bridge yet.",
        "Tuning a model on 18,000 instructions from 2,100 hours of harbour radio lets it answer "
        "74% of pilots' questions as pilots do, but it misunderstands 9% of the orders.",
        "用 2100 小时港口无线电构建的 1.8 万条指令微调模型后，它能像引航员一样回答 74% 的问题，"
        "但会误解 9% 的口令。",
    ),
    Text(
        "Sandbank: Few-Shot Bathymetry from Ferry Wakes",
        "The bed of an estuary moves faster than it is surveyed. Sandbank estimates depth from "
        "the wakes of ferries that are seen by a shore camera. With 15 soundings of a new "
        "estuary it reaches an error of 0.4 m in water shallower than 6 m. It was tried at 4 "
        "crossings over 14 months.",
        "Sandbank estimates depth from the wakes of ferries that are seen by a shore camera.",
        "原题：Sandbank: Few-Shot Bathymetry from Ferry Wakes",
    ),
    Text(
        "Gulls as Sensors: Self-Supervised Wind Fields from Bird Flight, with Uncertainty "
        "Calibrated by Conformal Prediction and an Application to Offshore Wind Parks in Shallow "
        "and Very Shallow Seas",
        "Gulls soar where the wind lifts them. We track 1,250 gulls by radar, learn the wind "
        "field that explains their flight without labels, and compare it with 3 lidars. The "
        "root-mean-square error is 1.1 m/s at a height of 120 m. Conformal prediction gives "
        "intervals that hold the wind in 90% of the cases.",
        "From the flight of 1,250 radar-tracked gulls a self-supervised model estimates wind "
        "fields with a root-mean-square error of 1.1 m/s against 3 lidars.",
        "自监督模型根据雷达追踪的 1250 只海鸥的飞行轨迹估计风场，"
        "与 3 台激光雷达相比均方根误差为 1.1 m/s。",
    ),
    Text(
        "Domain Adaptation for Rust: Inspecting Quay Walls with Borrowed Images",
        "Images of rust on quay walls are rare, images of rust on bridges are not. We adapt a "
        "detector from 60,000 bridge images to quay walls with 200 labelled examples and find "
        "83% of the damaged plates, against 61% without adaptation. Tidal growth is mistaken for "
        "rust in 5% of the images.",
        "Adapting a rust detector from 60,000 bridge images with 200 quay-wall examples finds "
        "83% of the damaged plates instead of 61%.",
        "把锈蚀检测器从 6 万张桥梁图像迁移到码头岸壁，只用 200 张标注样本就能找出 83% 的受损板材，"
        "而不迁移时为 61%。",
    ),
    Text(
        "How Much Does a Foghorn Know? Probing Acoustic Models of Sea Fog",
        "Acoustic models that are trained to detect foghorns turn out to encode the density of "
        "the fog. Linear probes recover visibility within 60 m from their second layer. We study "
        "3 models and 7 coasts and find that transfer between coasts fails where cliffs echo.",
        "Linear probes recover visibility within 60 m from the second layer of acoustic models "
        "trained on foghorns; transfer between coasts fails where cliffs echo.",
        "线性探针能从雾笛声学模型的第二层恢复误差 60 m 以内的能见度；"
        "在悬崖有回声的海岸之间迁移会失败。",
    ),
)

WRONG, GAP = 2, 5
"""The places of a line with a wrong number, which has a second candidate, and of a gap."""

CORRECTED = TEXTS[WRONG - 1].en.replace("98.2%", "96.2%")


def a_morning(folder: Path, papers: int = len(TEXTS), **desk: Any) -> Room:
    """A digest of the first of these papers, with all that an editor meets in a morning."""
    room = a_desk(
        folder,
        papers=[_paper(number) for number in range(1, papers + 1)],
        lines=lambda number: TEXTS[number - 1].lines,
        gaps=[GAP] if papers >= GAP else [],
        released=False,
        **desk,
    )
    if papers >= WRONG:
        lines: Lines = {**TEXTS[WRONG - 1].lines, "en": CORRECTED}
        room.write(room.candidate(WRONG, lines, model="tide-2"))
    room.release()
    return room


def _paper(number: int) -> Paper:
    text = TEXTS[number - 1]
    return a_paper(number, title=text.title, abstract=text.abstract)
