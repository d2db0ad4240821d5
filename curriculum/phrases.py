"""What a lesson says at each level, and when it comes back to an objective; true for any topic, as in `objectives`."""

from dataclasses import dataclass
from typing import Final

from curriculum.objectives import Question
from events.contracts import Level


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction, its weight in the time of its element, and the minutes the element needs to have room for it."""

    text: str
    weight: int = 1
    from_minutes: int = 1


@dataclass(frozen=True, slots=True)
class LevelWording:
    """What a level changes; `shares` divide a round into explanation, practice and check."""

    subtitle: str
    derived_objectives: tuple[str, str, str, str]
    shares: tuple[int, int, int]
    first_task: int
    reading: tuple[Step, ...]
    support: str
    when_stuck: str
    questions: tuple[Question, Question]
    next_if_all: str


@dataclass(frozen=True, slots=True)
class ReturnWording:
    """A later round for an objective that the lesson has worked on before."""

    name: str
    reading: tuple[Step, ...]
    tasks: tuple[str, str, str]
    question: Question


@dataclass(frozen=True, slots=True)
class ProjectStage:
    """A stretch of independent work; `with_ideas` where the learner still looks for something to do."""

    name: str
    aim: str
    minutes: int
    steps: tuple[Step, ...]
    with_ideas: bool = False


OUTLINE_NOTICE: Final = (
    "This is an outline. It was made without knowledge of {topic}, and the teaching material itself is not in here. "
    "The facts come from your own material: a book chapter, a course page, your notes, a person who knows. "
    "The outline says what to look for there, what to do with it, and how to check yourself."
)
OUTLINE_UNKNOWN: Final = "No installed pack of teaching material knows {topic}."
OUTLINE_UNFITTED: Final = "What you have done before could not be looked up in time. An outline does not depend on it."
OUTLINE_REMINDER: Final = (
    "This outline was made without knowledge of {topic}: your own material does the explaining, not this text."
)

STANDING_UNAVAILABLE: Final = (
    "What you have done before could not be looked up in time, so this lesson is fitted to the level you chose, and "
    "not to what you know already."
)
NEW_LEARNER: Final = (
    "Nothing is recorded of what you know of this yet, so this lesson is fitted to the level you chose. Report how it "
    "went, and the next one fits you better."
)
UNTREATED: Final = (
    "No installed pack of teaching material treats {objectives}. You asked for it, so it "
    "stays in the lesson, with tasks that fit any subject: your own material has to supply the facts."
)
TREATED_ELSEWHERE: Final = (
    "For {objectives} there is a concept of its own, {concept}, which is no part of the topic that you named. It stays "
    "in the lesson, with tasks that fit any subject; ask for {concept} to get its material."
)
TREATED_LATER: Final = (
    "For {objectives} there is a concept of its own, {concept}, and no room for it today. It stays in the lesson, with "
    "tasks that fit any subject; ask for {concept} to get its material."
)

LEVELS: Final = {
    Level.BEGINNER: LevelWording(
        "a first lesson",
        (
            "Describe the main idea of {topic} in your own words",
            "Use what you learned about {topic} in one worked example",
            "Recognise the key ideas of {topic} in new examples",
            "Correct a typical mistake that beginners make about {topic}",
        ),
        (8, 8, 4),
        0,
        (
            Step("Find the passage and read it slowly. Mark the one sentence that says the most.", 3),
            Step("Go through one example in it. After each step, say what was done there.", 3, 2),
            Step("List the words you could not explain to a friend, five at most. Look up the first two.", 2, 4),
            Step(
                "Close the material. Write the main point in two sentences, then open it again and correct them.", 2, 6
            ),
        ),
        "Keep a worked example next to you. Look at it only after a try of your own.",
        "Stuck? Look at your example, read one step, cover it again and go on. That is part of learning, not cheating.",
        (
            Question(
                "What is an example of your own, and what is a case that only looks like one?",
                "someone who reads your material would agree with both.",
            ),
            Question(
                "What would you tell a friend to watch out for, and why?",
                "your material has the warning too, or an example that shows why it is needed.",
            ),
        ),
        "take the same topic at intermediate level.",
    ),
    Level.INTERMEDIATE: LevelWording(
        "working with what you know",
        (
            "Explain how the main parts of {topic} depend on each other, and why",
            "Apply ideas from {topic} to a case you have not seen before",
            "Compare two approaches to {topic} and say what each is good for",
            "Correct a mistake in someone else's work on {topic}",
        ),
        (6, 9, 5),
        1,
        (
            Step("Find the passage and read it for reasons. Mark every because, therefore and only if.", 3),
            Step("Take one example and predict each step before you read it. Note where you were wrong.", 3, 2),
            Step("Find a second example or source. Write down one difference, and what explains it.", 2, 4),
            Step("Close the material and sketch the parts with arrows: what depends on what? Then correct it.", 2, 6),
        ),
        "Work without notes for the first half of the time.",
        "Stuck? Write down exactly what you would need to know, as one question. Look up only that.",
        (
            Question(
                "What would change if one condition were different, and why?",
                "your reason is a cause or a rule that your material supports.",
            ),
            Question(
                "Which step or claim here depends on which other one, and how do you know?",
                "you can name a case in which the first is missing and the second fails.",
            ),
        ),
        "take the same topic at advanced level.",
    ),
    Level.ADVANCED: LevelWording(
        "in depth",
        (
            "Analyse a hard case from {topic} and name what its outcome depends on",
            "Evaluate two competing positions on {topic} by criteria you state first",
            "Design something of your own that builds on {topic} and defend your choices",
            "Teach a difficult part of {topic} to someone who knows the basics",
        ),
        (6, 8, 6),
        2,
        (
            Step("Find what your best source claims. List what it assumes, and the evidence it gives.", 3),
            Step("Take the hardest case it treats. Drop one assumption, and write down what changes.", 3, 2),
            Step("Find a source that disagrees or does it differently. Put the disagreement in one sentence.", 2, 4),
            Step("Write three open questions. Put first the one whose answer would change most in what you do.", 2, 6),
        ),
        "Before you start, write down by what criteria you will judge the result.",
        "Stuck? Solve a simpler version first, and name the difficulty that you took away. Then put it back.",
        (
            Question(
                "What is the strongest objection to your answer, and what is your reply?",
                "those who object would call it their point, and your reply rests on something others can check.",
            ),
            Question(
                "What do you take for granted here, and what if it is false?",
                "you named two assumptions, and what each would change is more than a detail.",
            ),
        ),
        "teach the topic to somebody, or take a neighbouring topic that uses it.",
    ),
}

RETURNS: Final = (
    ReturnWording(
        "from memory",
        (
            Step("Open nothing yet. Write down in keywords all you remember about the objective.", 3),
            Step("Compare with your material. Mark in another colour what was missing or wrong.", 2, 2),
            Step("Read only the marked places again, in a second source if you have one.", 3, 4),
        ),
        (
            "Do the hardest task of the last round on this objective again, with your notes closed.",
            "Change two things about the task at once, and do it again.",
            "Write down what stayed the same through all versions. Say why it had to.",
        ),
        Question(
            "What did you get wrong or leave out last time, and what do you do differently now?",
            "you can name it without looking, and your last task shows the difference.",
        ),
    ),
    ReturnWording(
        "in a new setting",
        (
            Step("Find a case, in your material or outside it, where the same idea appears in another form.", 3),
            Step("Make two lists: what you know from before, and what is new here.", 2, 2),
            Step("Read up on the item in the second list that worries you most.", 3, 4),
        ),
        (
            "Turn that case into a task with a clear question. Write the question down.",
            "Work on the task until you have a result that you would show to somebody.",
            "Do it a second time by another way. If the results differ, find out which one is wrong.",
        ),
        Question(
            "How did you see that the idea belongs here?",
            "you can name the sign, and a case with a similar look where the idea would not help.",
        ),
    ),
    ReturnWording(
        "at its limits",
        (
            Step("Look for exceptions, limits and criticism: when does what you learned stop being true or useful?", 3),
            Step("Write down each limit as a sentence that begins with: not if.", 2, 2),
            Step("For the limit that surprises you most, find a second source or an example.", 3, 4),
        ),
        (
            "Make three mistakes on purpose. Write down how somebody would notice each of them.",
            "Build the smallest case in which the usual way fails. Show that it fails.",
            "Find what works in that case instead, and say what it costs.",
        ),
        Question(
            "When would you not rely on what you learned here?",
            "you can name two conditions, each with an example or a source.",
        ),
    ),
    ReturnWording(
        "for somebody else",
        (
            Step("See how two sources present this: the order, the examples, the pictures.", 3),
            Step("Choose what you would keep and what you would leave out for a newcomer. Write down why.", 2, 2),
            Step("Find or make the one example that you would start with.", 3, 4),
        ),
        (
            "Make one page for a newcomer: the main point, one example, one exercise with its answer.",
            "Give the page to somebody, or read it aloud. Mark each place where it does not carry.",
            "Rewrite the marked places. Check every sentence against your material.",
        ),
        Question(
            "Could somebody who has only your page reach this objective?",
            "a reader did the exercise without asking you, or you found and mended what would have stopped them.",
        ),
    ),
)

PROJECT: Final = (
    ProjectStage(
        "choose and plan",
        "Plan something small and useful of your own that needs {subject}.",
        20,
        (
            Step("Write down three things that you could make or solve with it. Choose the one you would use.", 3),
            Step("Say in one sentence what it does, and how you will see that it is done.", 2, 2),
            Step("List its parts. Mark the one you are least sure of.", 2, 4),
            Step("Sketch the marked part on paper, with one example of what goes in and what comes out.", 3, 8),
        ),
        with_ideas=True,
    ),
    ProjectStage(
        "make the first version",
        "Make the smallest version of your plan that works, with {subject}.",
        45,
        (
            Step("Begin with the part you are least sure of. Make it work for one example.", 4),
            Step("Add the next part only when the last one works. Try each as soon as it is there.", 4, 3),
            Step("When stuck for five minutes, go back to the explanation and the examples of this lesson.", 2, 8),
            Step("Let it run or read it through from start to end. Write down what is still missing.", 2, 12),
        ),
    ),
    ProjectStage(
        "test and improve it",
        "Find out where your version fails, and mend it.",
        30,
        (
            Step("Try the smallest case, the largest you can think of, and one that makes no sense.", 3),
            Step("For each failure write down the cause before you change anything. Then mend one at a time.", 4, 3),
            Step("Find the part that is hardest to read, and make it simpler without changing what it does.", 3, 8),
        ),
    ),
    ProjectStage(
        "explain it",
        "Explain what you made to somebody who knows less about {subject}.",
        25,
        (
            Step("Write down what it does, in three sentences without technical terms.", 2),
            Step("Go through it aloud, part by part: what it does, and why it is there.", 4, 3),
            Step("Name one choice that you would make differently now, and what it would cost.", 2, 6),
            Step("Write three questions that a reader could ask, and answer them.", 3, 10),
        ),
    ),
)
