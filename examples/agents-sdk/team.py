"""A lead, built with the OpenAI Agents SDK, that hands work to Codex agents under a budget.

The lead's one tool starts `govern run … -- codex exec …` and reads what came of it: the answer, the cost, the exit
code, and why an agent was stopped or not started at all. Under `govern run --gateway` what the lead itself spends is
metered and limited, too. See README.md.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

from agents import Agent, ModelSettings, RunContextWrapper, Runner, function_tool, set_tracing_disabled

HERE = Path(__file__).parent

INSTRUCTIONS = """You lead a small team of coding agents. Split the task into parts that do not touch the same files
and delegate each. An agent that was stopped has spent its budget: say so, do not delegate the same work again. An
agent that was refused never started: read the reason. End with one sentence on each part and what it cost."""

# govern's own exit codes; all others are the agent's.
REFUSED, STOPPED, FAILED = 123, 124, 125


class Team:
    """Starts governed agents and keeps what came of them."""

    def __init__(self, folder: Path, policy: Path, budget: str) -> None:
        self.folder, self.policy, self.budget = folder, policy, budget
        self.outcomes: list[dict] = []

    async def start(self, agent: str, task: str, tier: str) -> dict:
        """Runs one agent to its end."""
        with tempfile.TemporaryDirectory() as place:
            summary = Path(place, "run.json")
            command = [
                "govern", "run", "--quiet", "--json", str(summary), "--policy", str(self.policy),
                "--agent", agent, "--budget", self.budget, "--at-limit", "stop", "--model-tier", tier,
                "--", "codex", "exec", "--", task,
            ]  # fmt: skip
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            said, errors = await process.communicate()
            run = json.loads(summary.read_text()) if summary.exists() else {}
        outcome = outcome_of(process.returncode, run, said.decode().strip(), errors.decode().strip())
        self.outcomes.append({"agent": agent, **outcome})
        return outcome


def outcome_of(code: int, run: dict, said: str, errors: str) -> dict:
    """What the lead is told. 123 to 125 may be the agent's own: the summary says which."""
    kind = run.get("outcome", {}).get("kind", "failed" if code == FAILED else "ended")
    outcome = {"kind": kind, "exit_code": code, "cost_usd": run.get("totals", {}).get("cost_usd")}
    if kind == "refused" or code == FAILED:
        outcome["reason"] = errors
    else:
        outcome["answer"] = said
    if kind in ("stopped", "killed"):
        outcome["by"] = run["outcome"].get("rule")
        outcome["resume"] = run["outcome"].get("resume")
    return outcome


@function_tool
async def delegate(context: RunContextWrapper[Team], agent: str, task: str, tier: str = "standard") -> str:
    """Lets a coding agent work on a task and returns what came of it, as JSON.

    Args:
        agent: A short name, without spaces.
        task: All that the agent needs to know; it sees nothing else.
        tier: `standard`, or `cheap` for easy work.
    """
    return json.dumps(await context.context.start(agent, task, tier))


async def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("task")
    arguments.add_argument("--budget", default="1usd", help="for each agent [%(default)s]")
    arguments.add_argument("--folder", type=Path, default=Path.cwd(), help="where the agents work")
    arguments.add_argument("--policy", type=Path, default=HERE / "policy.toml")
    arguments.add_argument("--model", default="gpt-6-luna", help="the lead's own [%(default)s]")
    asked = arguments.parse_args()

    if "OPENAI_BASE_URL" in os.environ:
        # Traces would go to OpenAI all the same.
        set_tracing_disabled(True)
    team = Team(asked.folder, asked.policy.resolve(), asked.budget)
    # A gateway of govern's takes the header away; to others it says nothing.
    settings = ModelSettings(extra_headers={"x-govern-agent": "lead"})
    lead = Agent[Team](
        name="lead", instructions=INSTRUCTIONS, model=asked.model, model_settings=settings, tools=[delegate]
    )
    result = await Runner.run(lead, asked.task, context=team, max_turns=10)

    print(result.final_output)
    print(f"\n{'agent':<12} {'outcome':<8} {'exit':>4} {'cost':>10}")
    for outcome in team.outcomes:
        cost = outcome["cost_usd"]
        shown = "—" if cost is None else f"${float(cost):.4f}"
        print(f"{outcome['agent']:<12} {outcome['kind']:<8} {outcome['exit_code']:>4} {shown:>10}")
    return 1 if any(outcome["exit_code"] == FAILED for outcome in team.outcomes) else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
