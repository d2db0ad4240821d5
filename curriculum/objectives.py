"""How to work on an objective, by what it asks for: to describe, to use, to compare and so on.

All of it must be true and doable for any topic at all. So nothing here states a fact about a topic, and every
instruction ends in something that can be seen: a sentence, a table, a sketch, a mark.
"""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Question:
    """A question to answer from memory, and how to tell without an answer key that the answer will do."""

    text: str
    good_enough_if: str


@dataclass(frozen=True, slots=True)
class Wording:
    """How one sort of objective is worked on: `tasks` rise from supported work to open work."""

    look_for: str
    tasks: tuple[str, str, str, str]
    question: Question


DESCRIBE: Final = Wording(
    "a definition or a summary, the three to five main points it names, and one example.",
    (
        "With your material open, describe it in three sentences: the main point, what belongs to it, one example.",
        "Close the material and write the description from memory. Then compare, and add what was missing.",
        "Describe it for someone who has never heard of it, in under 100 words. Explain every technical term you use.",
        "Describe it in one sentence that is still correct. Note what you left out, and when it would matter.",
    ),
    Question(
        "Somebody asks you about this and you have no notes. What do you say?",
        "your material supports every sentence, and you named at least three of its main points.",
    ),
)
RECOGNISE: Final = Wording(
    "the features that decide whether something belongs, and examples on both sides of the line.",
    (
        "Make two columns, fits and does not fit. Put two examples into each, and write down the feature that decided.",
        "Take five new examples from another page or from daily life. Sort them without looking, then check each one.",
        "Find or make a borderline case. Write one reason for and one against, then decide.",
        "Write a test of at most three yes-or-no questions. Try it on the hardest cases you can find, and repair it.",
    ),
    Question(
        "Here is an example you have not met before (open your material at random). How do you tell whether it fits?",
        "you named the deciding features before you looked them up, and your material agrees with your answer.",
    ),
)
EXPLAIN: Final = Wording(
    "the reasons (because, so that, therefore, only if), and what each reason rests on.",
    (
        "With your material open, explain it in three to five short steps that start with because or therefore.",
        "Close the material and explain it aloud, to a person or a recording. Read again only where you hesitated.",
        "Change one condition and predict what would be different, and why. Then look for a case that tests this.",
        "Write down the best rival explanation you can find. Say what evidence would decide between it and yours.",
    ),
    Question(
        "Why is it so? Answer someone who asks after each of your reasons: and why is that?",
        'you got through three whys without "it just is", and can show where your material supports each step.',
    ),
)
USE: Final = Wording(
    "an example worked from start to finish, and the rule, idea or move behind each of its steps.",
    (
        "Copy a worked example step by step. Next to each step, write which rule, idea or move it uses.",
        "Cover the end of an example and do it yourself. Uncover it bit by bit; mark the first place where you differ.",
        "Change one thing in an example (a number, a name, an ingredient, a place) and do it again without help.",
        "Take a case from your work, life or reading that nobody prepared. Do it, and write down each decision.",
    ),
    Question(
        "Take a case you have not practised. Can you do it, or talk it through, from start to end?",
        "the result passes a test that your material offers (an answer, a trial run, a source), and you looked up "
        "details at most.",
    ),
)
PERFORM: Final = Wording(
    "a model to imitate (a recording, a demonstration, a recipe, a finished piece), and its hardest spot.",
    (
        "Follow the model in small parts. Do one part slowly, compare it with the model, then go on to the next.",
        "Do it from start to end without the model. Record it or keep the result, and mark where it differs most.",
        "Practise only your weakest spot, slowly first, then at normal speed. Then do the whole again.",
        "Do it for somebody, or as in real use. Note what the pressure changed, and what you will do about it.",
    ),
    Question(
        "Do it once without the model, or talk it through if you cannot do it here. Where does it differ?",
        "you found two slips at most, none of them at the hardest spot, and it comes out the same a second time.",
    ),
)
COMPARE: Final = Wording(
    "points on which the sides can be compared, and what each side is better at.",
    (
        "Draw a table: a column for each side, four rows for points of comparison. Fill it from your material.",
        "Draw a table of likenesses and differences from memory. Check it, then add a row your material does not have.",
        "Take a case you know and decide which side fits it better. Give two reasons.",
        "Find a case in which the usual choice is wrong. Say which point of comparison warns you.",
    ),
    Question(
        "What is alike, what is different, and when does the difference matter?",
        "your material supports two likenesses and two differences, and you named a case where a difference decides.",
    ),
)
REPAIR: Final = Wording(
    "typical mistakes, the sign that gives each of them away, and what is right instead.",
    (
        "Take one typical mistake from your material. Write down the mistake, its sign, and the correction.",
        "Find a mistake in an earlier piece of work, yours or another's. Correct it and name the rule it broke.",
        "Write a short piece of work and hide two mistakes in it. Swap with someone, or wait a little; then find them.",
        "Trace one mistake back to its cause. Write the check that would have caught it before anyone saw it.",
    ),
    Question(
        "How do you notice the mistake, and how do you know that your correction is right?",
        "you can point at the place, name the rule, and the new version passes the test that the old one failed.",
    ),
)
ANALYSE: Final = Wording(
    "the parts, how they act on each other, and which of these links have evidence.",
    (
        "Take one case from your material. List its parts, with one line on what each of them does.",
        "Sketch a case as parts with arrows for what affects what. Mark each arrow: shown in the material, or a guess.",
        "Take a hard case. Find the part on which the outcome depends most, and say what happens without it.",
        "Look at one case from two points of view (method, party or scale). Write down what only the second one shows.",
    ),
    Question(
        "Which part or link matters most, and how do you know?",
        "each claim points at something in the case, and you can name one link that is still a guess.",
    ),
)
EVALUATE: Final = Wording(
    "the criteria that experts use, and verdicts they reached by them.",
    (
        "Take one verdict from your material. Write down the criteria behind it, and the evidence given for each.",
        "Write down three criteria before you look at the case. Then rate the case on each, with evidence.",
        "Rate two rivals by three criteria that you fix first. Decide, and say which criterion tipped the balance.",
        "Shift the weight of one criterion until your verdict flips. Say whether that weight would be reasonable.",
    ),
    Question(
        "What is your verdict, by which criteria, and what would change your mind?",
        "the criteria came before the verdict, each has evidence, and you named a finding that would overturn it.",
    ),
)
DESIGN: Final = Wording(
    "finished examples, the requirements they had to meet, and choices that their makers explain.",
    (
        "List the requirements that a finished example seems to meet. Change one, and sketch what changes with it.",
        "Write three requirements for something of your own. Sketch a first version that meets them, however rough.",
        "Sketch two versions that differ in one main decision. Pick one, and write down what you give up by it.",
        "Test a sketch of yours against the worst case you can think of. Repair it, and give reasons for the repair.",
    ),
    Question(
        "Does the design meet its requirements, and what is the reason for each main choice?",
        "you can point at where each requirement is met, and name the option you rejected for each main choice.",
    ),
)
TEACH: Final = Wording(
    "how good sources introduce it: the first example, the order, the mistakes they warn of.",
    (
        "Choose one example for your listener. Write down the first three sentences you will say about it.",
        "Teach it aloud, to a person or a recording, with one example and one question for the listener.",
        "Write down three questions a listener could ask. Answer them from memory, then look up the weakest answer.",
        "Teach it with an unusual example and in half the time you would like. Note what could go without loss.",
    ),
    Question(
        "Could your listener now say it back, or do it, without you?",
        "the listener (or you, hearing the recording) gets the main point right and can answer an unprepared question.",
    ),
)
SHOW: Final = Wording(
    "the passage that comes closest to the objective, one example of it, and one thing that can go wrong.",
    (
        "Write down what others would see or hear if you had reached this. Find an example and follow its steps.",
        "Close the material and show it: write, say, draw or do it. Then compare with an example.",
        "Change one thing in an example: the start, a person, a place. Show it again, and note what had to change.",
        "Show it in a case of your own that is harder than those in your material. Note what else you needed.",
    ),
    Question(
        "What can you show now that you could not show before?",
        "somebody else could see it happen, and it agrees with your material.",
    ),
)

_VERBS: Final = (
    (DESCRIBE, "describe define name list state recall summarise summarize outline know label remember memorise tell"),
    (RECOGNISE, "recognise recognize identify spot distinguish differentiate classify sort detect notice"),
    (EXPLAIN, "explain understand justify discuss interpret clarify reason argue why how"),
    (USE, "use apply write build implement solve calculate compute make run configure install operate do work"),
    (USE, "translate convert conjugate decline measure draft prove practise practice"),
    (PERFORM, "perform read speak say pronounce sing play dance draw paint bake cook knead sew swim throw record"),
    (COMPARE, "compare contrast choose decide select difference differences versus vs"),
    (REPAIR, "correct fix repair debug troubleshoot improve revise refactor edit mistake mistakes"),
    (ANALYSE, "analyse analyze examine investigate trace diagnose dissect break"),
    (EVALUATE, "evaluate assess judge defend critique review criticise criticize rate appraise"),
    (DESIGN, "design create plan develop compose construct invent propose model devise"),
    (TEACH, "teach present coach demonstrate mentor instruct"),
)
_WORDING_OF_VERB: Final = {verb: wording for wording, verbs in _VERBS for verb in verbs.split()}
_WORDS_BEFORE_THE_VERB: Final = 6  # "After this lesson I can ..." still finds its verb.


def wording_for(objective: str) -> Wording:
    """Choose how to work on an objective by the first English verb near its start.

    Any other text, in any script, gets the wording that asks to show the objective: it fits them all.
    """
    words = re.findall(r"\w+", objective.casefold())[: _WORDS_BEFORE_THE_VERB + 1]
    return next((_WORDING_OF_VERB[word] for word in words if word in _WORDING_OF_VERB), SHOW)
