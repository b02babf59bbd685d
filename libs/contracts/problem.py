"""A refusal as other systems are told it, over HTTP and over NATS (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from libs.contracts.message import Value


class Problem(Value):
    """A refusal that a program and a person can read (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str

    @classmethod
    def of(cls, status: int, title: str, detail: str) -> Self:
        """With the type that belongs to the title."""
        slug = "-".join(title.lower().split())
        return cls(type=f"urn:wangge:problem:{slug}", title=title, status=status, detail=detail)


TITLES: Mapping[str, str] = {
    "Already evaluated": "已评价过",
    "Another campaign": "专项行动已存在",
    "Appointment has begun": "预约时间已到",
    "Appointment is over": "预约时间已过",
    "Appointment too far ahead": "预约时间过远",
    "Changed meanwhile": "已有变动",
    "Closed again": "已再次结案",
    "Contact in a particular": "内容中含联系方式",
    "Document named twice": "材料重复",
    "Failed": "服务故障",
    "Idempotency-Key needed": "缺少 Idempotency-Key",
    "Invalid command": "命令有误",
    "Invalid component": "部件编码有误",
    "Invalid file": "文件有误",
    "Invalid request": "请求有误",
    "Invalid text": "文字有误",
    "Key used for another case": "编号已用于其他案件",
    "Key used for another meeting": "编号已用于其他会议",
    "Key used for another report": "编号已用于其他上报",
    "Key used for another visit": "编号已用于其他巡查",
    "Method Not Allowed": "不支持这种方法",
    "No proposal": "不是建议",
    "Not Found": "没有找到",
    "Not JSON": "不是 JSON",
    "Not answered in time": "未能及时答复",
    "Not for this kind of report": "不适用于这类上报",
    "Not closed": "尚未结案",
    "Not found": "没有找到",
    "Not held yet": "会议尚未召开",
    "Not in this state": "当前状态不允许",
    "Not possible now": "现在不能这样做",
    "Not recorded": "未能记录",
    "Not taken now": "暂时不能受理",
    "Number in a document": "材料名称中含号码",
    "Too late": "已过时限",
    "Too large": "内容过大",
    "Unfit Idempotency-Key": "Idempotency-Key 不合要求",
    "Unfit contact": "联系方式有误",
    "Unfit cursor": "分页标记有误",
    "Unfit reason": "原因不适用",
    "Unfit sender": "发送方不合要求",
    "Unknown case": "没有这个案件",
    "Unknown category": "没有这个类别",
    "Unknown dimension": "没有这个维度",
    "Unknown street": "没有这个街道",
    "Unknown unit": "没有这个单元",
    "Wrong subject": "主题有误",
}
"""Of every problem, in Chinese; their types come from the English."""
