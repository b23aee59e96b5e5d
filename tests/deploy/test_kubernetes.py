"""The manifests in deploy/kubernetes: right by Kubernetes' own schemas, and right for this program."""

import re
import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from currents_segment.flows.config import load
from currents_segment.flows.slots import Place, place
from currents_segment.flows.telemetry.http import PATHS

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
LABELS = {"app.kubernetes.io/name": "currents-segment"}


def read():
    """What the kustomization names, as it is written here."""
    names = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    return "".join(f"---\n{(FOLDER / name).read_text()}" for name in names)


def built(kubectl):
    """What kubectl makes of the kustomization."""
    return subprocess.run([kubectl, "kustomize", FOLDER], capture_output=True, text=True, check=True).stdout


def documents(text):
    """Every document, by kind."""
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


DOCUMENTS = documents(read())
BUILDS = {"read": DOCUMENTS} | ({"kubectl": documents(built(kubectl))} if (kubectl := shutil.which("kubectl")) else {})
SPEC = DOCUMENTS["StatefulSet"]["spec"]
POD = SPEC["template"]["spec"]
CONTAINER = POD["containers"][0]


def test_nothing_lies_beside_the_kustomization():
    """A manifest that is not named would never be applied, and a name without a file would break the build."""
    named = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    assert {path.name for path in FOLDER.glob("*.yaml")} == {*named, "kustomization.yaml"}


@pytest.mark.parametrize("version", ["1.30", kubernetes_validate.latest_version()])
@pytest.mark.parametrize("kind", DOCUMENTS)
@pytest.mark.parametrize("build", BUILDS)
def test_every_document_is_valid(build, kind, version):
    """Strict validation against the schemas of an older and of the newest release: no unknown field, no wrong type; also as kubectl builds it, where it is there."""
    kubernetes_validate.validate(BUILDS[build][kind], version, strict=True)
    assert DOCUMENTS[kind] == BUILDS[build][kind]


def test_every_selector_finds_the_pods():
    """Service, budget, policy and StatefulSet mean the same pods."""
    assert LABELS == SPEC["template"]["metadata"]["labels"] == SPEC["selector"]["matchLabels"]
    assert LABELS == DOCUMENTS["Service"]["spec"]["selector"]
    assert LABELS == DOCUMENTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]
    assert LABELS == DOCUMENTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]
    assert LABELS == DOCUMENTS["NetworkPolicy"]["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"]


def test_every_pod_knows_its_place():
    """As many addresses as pods, each the name of its pod below the headless Service; the ordinal in the host name is the process's number."""
    name, service = DOCUMENTS["StatefulSet"]["metadata"]["name"], SPEC["serviceName"]
    assert (service, "None", True) == (
        DOCUMENTS["Service"]["metadata"]["name"],
        DOCUMENTS["Service"]["spec"]["clusterIP"],
        DOCUMENTS["Service"]["spec"]["publishNotReadyAddresses"],
    )
    env = {variable["name"]: variable.get("value", "") for variable in CONTAINER["env"]}
    for ordinal in range(SPEC["replicas"]):
        mine, addresses = place({**env, "HOSTNAME": f"{name}-{ordinal}"})
        assert Place(ordinal, SPEC["replicas"]) == mine
        assert f"{name}-{ordinal}.{service}.$(NAMESPACE).svc.cluster.local:9001" == addresses[ordinal]
    assert "NAMESPACE" == CONTAINER["env"][0]["name"]  # Kubernetes replaces only what stands before
    assert "Parallel" == SPEC["podManagementPolicy"]


def test_the_configuration_is_right(tmp_path):
    """The example in the ConfigMap loads, and fits the pod: its volume, its port, its keys."""
    (name,) = DOCUMENTS["ConfigMap"]["data"]
    (tmp_path / name).write_text(DOCUMENTS["ConfigMap"]["data"][name])
    config = load(tmp_path / name, secrets=False)
    mounts = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    assert mounts["state"] == str(config.state)
    assert {"run", f"{mounts['config']}/{name}"} == set(CONTAINER["args"])
    assert config.http is not None
    assert ("0.0.0.0", {"http": config.http.port, "cluster": 9001}) == (
        config.http.host,
        {port["name"]: port["containerPort"] for port in CONTAINER["ports"]},
    )
    for connector in config.connectors.values():
        assert connector.write_key.reference.startswith(f"file:{mounts['keys']}/")
    assert not config.dead_letters.startswith("file:")


def test_probes_ask_what_is_served():
    """The probes ask paths that exist."""
    asked = {CONTAINER[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe")}
    assert {"/livez", "/readyz"} == asked
    assert asked <= set(PATHS)


def test_the_pod_is_restricted():
    """What the Pod Security Standard `restricted` asks for, and a read-only root on top."""
    assert (True, "RuntimeDefault") == (POD["securityContext"]["runAsNonRoot"], POD["securityContext"]["seccompProfile"]["type"])
    assert POD["securityContext"]["runAsUser"] >= 10_000
    assert not POD["automountServiceAccountToken"]
    assert not DOCUMENTS["ServiceAccount"]["automountServiceAccountToken"]
    for container in (*POD["initContainers"], *POD["containers"]):
        context = container["securityContext"]
        assert (False, True, ["ALL"]) == (
            context["allowPrivilegeEscalation"],
            context["readOnlyRootFilesystem"],
            context["capabilities"]["drop"],
        )
        assert {"requests", "limits"} == set(container["resources"])


def test_the_image_and_the_pod_agree():
    """User, cache folder, port and entry point are the image's."""
    image = (FOLDER.parent / "Containerfile").read_text()
    (user,) = re.findall(r"^USER (\d+):\d+$", image, re.MULTILINE)
    assert int(user) == POD["securityContext"]["runAsUser"]
    caches = set(re.findall(r"NUMBA_CACHE_DIR=(\S+)", image))
    assert caches == {mount["mountPath"] for mount in CONTAINER["volumeMounts"] if mount["name"] == "cache"}
    assert POD["initContainers"][0]["command"] == [
        "cp",
        "-R",
        f"{caches.pop()}/.",
        f"{POD['initContainers'][0]['volumeMounts'][0]['mountPath']}/",
    ]
    assert "command" not in CONTAINER  # the image's entry point
