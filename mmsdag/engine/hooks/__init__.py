from .agreement_guidance_hook import AgreementGuidanceHook
from .atomic_checkpoint_hook import AtomicCheckpointHook
from .consistency_guidance_hook import ConsistencyGuidanceHook
from .denormal_hook import DenormalHook
from .guidance_hook import GuidanceHook
from .progress_hook import ProgressHook
from .sdag_guidance_hook import SDAGGuidanceHook
from .seed_hook import SeedHook

__all__ = [
    'AgreementGuidanceHook',
    'AtomicCheckpointHook',
    'ConsistencyGuidanceHook',
    'DenormalHook',
    'GuidanceHook',
    'ProgressHook',
    'SDAGGuidanceHook',
    'SeedHook',
]
